"""One dataset's figures as tables, for a terminal or a document, and all of them as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from ..machine import machine_line
from ..measures.latency import LatencyReport
from ..measures.rate_curve import bytes_at_psnr
from ..peers.images import JPEG_XL
from ..peers.ours import DAYBASIS, REFINED
from ..peers.report import bd_rates
from ..peers.video import X265
from ..tables import Part, Table, figure, terminal
from .dataset import BRACKETED_DB, TIMED_Q_STEP, DatasetBench
from .targets import X265_LEVELS_DB, rows

LEVELS_DB = tuple(sorted({*X265_LEVELS_DB, BRACKETED_DB}))
REFERENCES = (X265, JPEG_XL)
CODECS = (DAYBASIS, REFINED, *(peer.name for peer in REFERENCES))
_LATENCY = ("open ms", "frame ms, median", "frame ms, p95", "texel us, median")


def _latency(latency: LatencyReport) -> tuple[str, ...]:
    return (
        f"{latency.open_ms:.1f}",
        f"{latency.frame_ms_median:.2f}",
        f"{latency.frame_ms_p95:.2f}",
        f"{latency.texel_us_median:.1f}",
    )


def _judged(bench: DatasetBench) -> Table:
    def text(value: float | None) -> str:
        return figure(value, 3 if value is None or value < 1 else 2 if value < 100 else 1, absent="-")

    body = [
        (row.measure, text(row.value), "" if row.target is None else f"<= {row.target:g}", row.verdict, row.note)
        for row in rows(bench)
    ]
    return Table("Against the targets:", ("measure", DAYBASIS, "target", "", ""), body, "lrrll")


def _bytes(bench: DatasetBench) -> Table:
    body = []
    for name in CODECS:
        curve = bench.results.curve(name)
        sizes = [figure(bytes_at_psnr(curve, level), 0, absent="-") for level in LEVELS_DB]
        reached = [point.psnr_db for point in curve]
        body.append((name, *sizes, f"{min(reached):.2f} .. {max(reached):.2f}" if reached else "absent"))
    return Table("Bytes at equal PSNR:", ("", *(f"{level:g} dB" for level in LEVELS_DB), "points dB"), body)


def dataset_tables(bench: DatasetBench) -> list[Part]:
    """Everything of one dataset, as tables and single lines."""
    latencies = [(str(latency.threads), *_latency(latency)) for latency in bench.latencies]
    parts: list[Part] = [_judged(bench), _bytes(bench)]
    rates, _ = bd_rates(bench.results, (DAYBASIS, REFINED))
    named = ", ".join(f"{name} {rate:+.1f} %" for name, rate in rates.items() if rate is not None)
    if named:
        parts.append(f"Bytes beyond those of {X265.name} at equal PSNR (BD-rate): {named}.")
    caption = f"Latency of the archive of step {TIMED_Q_STEP:g}:"
    parts.append(Table(caption, ("threads", *_LATENCY), latencies, "r"))
    parts.append(
        f"Memory: {bench.memory.decode_bytes / 1e6:.0f} MB at the peak with every hour decoded, of which "
        f"{bench.memory.imports_bytes / 1e6:.0f} MB are the imports."
    )
    if bench.archives:
        others = [
            (one.point.name, str(one.point.size_bytes), f"{one.point.psnr_db:.2f}", *_latency(one.latency))
            for one in bench.archives
        ]
        parts.append(Table("Other archives of the same frames:", ("archive", "bytes", "PSNR dB", *_LATENCY), others))
    return parts


def dataset_table(bench: DatasetBench) -> str:
    """Everything of one dataset, for a terminal."""
    share = 100 * bench.n_valid / (bench.height * bench.width)
    about = f"{bench.name}: {bench.n_frames} frames, {share:.1f} % valid texels, {bench.path}"
    return terminal([about, *dataset_tables(bench)])


def footer(benches: Sequence[DatasetBench], described: dict[str, object]) -> str:
    """Below the tables: absent peers, what each peer is, and the machine."""
    absent = {name: reason for bench in benches for name, reason in bench.results.absent.items()}
    lines = [f"{name} absent: {reason}" for name, reason in absent.items()]
    lines += [f"{peer.name}: {peer.definition}" for peer in REFERENCES if peer.name not in absent]
    lines.append("PSNR over valid texels; bytes of whole files; sizes at equal PSNR are log-linear between points")
    lines.append(machine_line(described))
    return "\n".join(lines)


def bench_json(benches: Sequence[DatasetBench], described: dict[str, object]) -> dict[str, object]:
    """Plain numbers and strings for `json.dumps`: the machine, and each dataset with all its points."""
    return {"machine": described, "datasets": [_dataset_json(bench) for bench in benches]}


def _dataset_json(bench: DatasetBench) -> dict[str, object]:
    return {
        "path": bench.path,
        "name": bench.name,
        "height": bench.height,
        "width": bench.width,
        "frames": bench.n_frames,
        "valid_texels": bench.n_valid,
        "rows": [{**asdict(row), "verdict": row.verdict} for row in rows(bench)],
        "points": [point.to_json(bench.n_valid, bench.n_frames) for point in bench.results.points],
        "absent": bench.results.absent,
        "definitions": {peer.name: peer.definition for peer in REFERENCES},
        "bytes_at_psnr": [
            {"psnr_srgb_db": level, **{name: bytes_at_psnr(bench.results.curve(name), level) for name in CODECS}}
            for level in LEVELS_DB
        ],
        "compress_s": list(bench.compress_s),
        "latency": [latency.to_json() for latency in bench.latencies],
        "memory": asdict(bench.memory),
        "archives": [
            {
                **one.point.to_json(bench.n_valid, bench.n_frames),
                "file": one.point.setting,
                "latency": one.latency.to_json(),
            }
            for one in bench.archives
        ],
    }
