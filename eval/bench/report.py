"""The bench as a table for people and as JSON for machines, with the machine it ran on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

from ..machine import machine_line
from ..peers import JPEG_XL, X265
from ..peers.standing_report import DEFINITIONS, peers_json
from .archive import DAYBASIS, REFINED
from .result import BRACKETED_DB, DatasetBench
from .targets import X265_LEVELS_DB, bytes_or_none, rows

LEVELS_DB = tuple(sorted({*X265_LEVELS_DB, BRACKETED_DB}))


def dataset_table(bench: DatasetBench) -> str:
    """The figures against their targets, then the bytes at equal PSNR, then ready archives."""
    share = 100 * bench.n_valid / (bench.height * bench.width)
    lines = [
        f"{bench.name}: {bench.n_frames} frames, {share:.1f} % valid texels, {bench.path}",
        "",
        f"{'measure':<40} {DAYBASIS:>9} {'target':>9}",
    ]
    for row in rows(bench):
        value = "-" if row.value is None else _figure(row.value)
        target = "" if row.target is None else f"<= {row.target:g}"
        lines.append(f"{row.measure:<40} {value:>9} {target:>9}  {row.verdict:<12}  {row.note}".rstrip())
    for latency in bench.latencies[1:]:
        lines.append(
            f"with threads {latency.threads}: open {latency.open_ms:.1f} ms, frame {latency.frame_ms_median:.2f} ms "
            f"(p95 {latency.frame_ms_p95:.2f}), texel {latency.texel_us_median:.1f} us"
        )
    lines += ["", f"{'bytes at':<22}" + "".join(f"{f'{level:g} dB':>12}" for level in LEVELS_DB) + f"{'points dB':>18}"]
    for name in (DAYBASIS, REFINED, *DEFINITIONS):
        curve = [point.psnr_db for point in bench.results.curve(name)]
        sizes = [bytes_or_none(bench.results, name, level) for level in LEVELS_DB]
        span = f"{min(curve):.2f} .. {max(curve):.2f}" if curve else "absent"
        lines.append(f"{name:<22}" + "".join(f"{'-' if s is None else f'{s:.0f}':>12}" for s in sizes) + f"{span:>18}")
    for archive in bench.archives:
        point, latency = archive.point, archive.latency
        lines.append(
            f"{point.name}: {point.size_bytes} bytes, {point.psnr_db:.2f} dB, open {latency.open_ms:.1f} ms, "
            f"frame {latency.frame_ms_median:.2f} ms ({point.setting})"
        )
    return "\n".join(lines)


def footer(benches: Sequence[DatasetBench], described: dict[str, object]) -> str:
    """Below the tables: absent peers, what each peer is, and the machine."""
    absent = {name: reason for bench in benches for name, reason in bench.results.absent.items()}
    lines = [f"{name} absent: {reason}" for name, reason in absent.items()]
    lines += [f"{name}: {DEFINITIONS[name]}" for name in (X265, JPEG_XL) if name not in absent]
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
        **peers_json(bench.results, bench.n_valid, bench.n_frames),
        "bytes_at_psnr": [
            {
                "psnr_srgb_db": level,
                **{n: bytes_or_none(bench.results, n, level) for n in (DAYBASIS, REFINED, *DEFINITIONS)},
            }
            for level in LEVELS_DB
        ],
        "compress_s": list(bench.compress_s),
        "latency": [latency.to_json() for latency in bench.latencies],
        "archives": [
            {
                "name": archive.point.name,
                "file": archive.point.setting,
                "bytes": archive.point.size_bytes,
                "psnr_srgb_db": archive.point.psnr_db if math.isfinite(archive.point.psnr_db) else None,
                "latency": archive.latency.to_json(),
            }
            for archive in bench.archives
        ],
    }


def _figure(value: float) -> str:
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.1f}"
