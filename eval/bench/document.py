"""The bench as a document: date, machine, versions, commands and tables in Markdown."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from todpack.frames import read_day

from ..machine import machine_line
from ..measures.frames import as_codes
from ..measures.lpips_weights import LpipsAbsent
from ..measures.memory import MemoryReport, measure_memory
from ..measures.metrics import bits_per_texel
from ..measures.perceptual import load_lpips
from ..peers import X265
from ..peers.compare import Comparison, all_peers, bd_rate_percent, compare
from ..peers.peer import PeerAbsentError
from ..peers.standing_report import DEFINITIONS
from .archive import DAYBASIS, REFINED, compress
from .report import LEVELS_DB
from .result import TIMED_Q_STEP, DatasetBench
from .targets import bytes_or_none, rows

CRFS, DISTANCES = (8.0, 12.0, 16.0, 20.0), (0.5, 1.0, 2.0, 3.0)
TRAIN_S = 60.0
QUICK_TRAIN_S = 2.0


@dataclass(frozen=True)
class PeersBench:
    """All peers on one dataset: its path, what was found, and what bits per texel are counted over."""

    path: str
    found: Comparison
    n_valid: int
    n_frames: int
    train_s: float


def bench_memory(bench: DatasetBench, threads: int) -> MemoryReport:
    """Peak memory of decoding the dataset's archive of step 16."""
    with tempfile.TemporaryDirectory(prefix="todpack-bench-") as folder:
        out = Path(folder) / "archive.tod"
        compress(bench.path, out, TIMED_Q_STEP, threads)
        return measure_memory(out, threads)


def bench_peers(path: str, quick: bool, on_setting: Callable[[int, int, str], None] | None = None) -> PeersBench:
    """All peers on the dataset at `path`; LPIPS where its weights are found.

    Args:
        path: Folder of 8-bit frames.
        quick: Trainings of seconds, and no LPIPS.
        on_setting: Called with (settings done, settings in all, what comes next).
    """
    day = read_day(path)
    train_s = QUICK_TRAIN_S if quick else TRAIN_S
    peers = [
        peer for peer in all_peers(CRFS, DISTANCES, train_s) if peer.name != REFINED
    ]  # it is in every dataset's table
    lpips = LpipsAbsent("left out by --quick") if quick else load_lpips()
    found = compare(as_codes(day.radiance), day.valid, peers, lpips, on_setting)
    return PeersBench(path, found, int(day.valid.sum()), day.n_frames, train_s)


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *body)]


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _bd_rates(bench: DatasetBench) -> dict[str, float | None]:
    curve = bench.results.curve
    try:
        return {name: bd_rate_percent(curve(X265), curve(name)) for name in (DAYBASIS, REFINED)}
    except PeerAbsentError:  # the peers' table says what is missing
        return {}


def _dataset(bench: DatasetBench, memory: MemoryReport) -> list[str]:
    measured = [
        (
            row.measure,
            _cell(row.value, 3),
            "" if row.target is None else f"<= {row.target:g}",
            row.verdict,
        )
        for row in rows(bench)
    ]
    sizes = [
        (
            f"{level:g}",
            *(_cell(bytes_or_none(bench.results, name, level), 0) for name in (DAYBASIS, REFINED, *DEFINITIONS)),
        )
        for level in LEVELS_DB
    ]
    latencies = [
        (
            str(latency.threads),
            f"{latency.open_ms:.1f}",
            f"{latency.frame_ms_median:.2f}",
            f"{latency.frame_ms_p95:.2f}",
            f"{latency.texel_us_median:.1f}",
        )
        for latency in bench.latencies
    ]
    others = [
        (
            archive.point.name,
            str(archive.point.size_bytes),
            f"{archive.point.psnr_db:.2f}",
            f"{archive.latency.open_ms:.1f}",
            f"{archive.latency.frame_ms_median:.2f}",
            f"{archive.latency.texel_us_median:.1f}",
        )
        for archive in bench.archives
    ]
    lines = [f"## {bench.name}", "", f"`{bench.path}`, {bench.n_frames} frames, {bench.n_valid} valid texels.", ""]
    lines += _table(("measure", DAYBASIS, "target", ""), measured)
    lines += ["", "Bytes at equal PSNR:", "", *_table(("dB", DAYBASIS, REFINED, *DEFINITIONS), sizes)]
    named = ", ".join(f"{name} {rate:+.1f} %" for name, rate in _bd_rates(bench).items() if rate is not None)
    if named:
        lines += ["", f"Bytes beyond those of x265 at equal PSNR (BD-rate): {named}."]
    head = ("threads", "open ms", "frame ms, median", "frame ms, p95", "texel us, median")
    lines += ["", f"Latency of the archive of step {TIMED_Q_STEP:g}:", "", *_table(head, latencies), ""]
    lines.append(
        f"Memory: {memory.decode_bytes / 1e6:.0f} MB at the peak with every hour decoded, of which "
        f"{memory.imports_bytes / 1e6:.0f} MB are the imports."
    )
    if others:
        heads = ("archive", "bytes", "PSNR dB", "open ms", "frame ms", "texel us")
        lines += ["", "Other archives of the same frames:", "", *_table(heads, others)]
    return [*lines, ""]


def _peers(peers: PeersBench) -> list[str]:
    body = [
        (
            point.rate.name,
            point.rate.setting,
            str(point.rate.size_bytes),
            f"{bits_per_texel(point.rate.size_bytes, peers.n_valid, peers.n_frames):.3f}",
            f"{point.rate.psnr_db:.2f}",
            f"{point.ssim:.4f}",
            _cell(point.lpips, 4),
            f"{point.rate.encode_s:.1f}",
            f"{point.rate.decode_ms_per_frame:.2f}",
            point.random_access,
        )
        for point in peers.found.points
    ]
    head = (
        "peer",
        "setting",
        "bytes",
        "bpt",
        "PSNR dB",
        "SSIM",
        "LPIPS",
        "encode s",
        "decode ms/frame",
        "random access",
    )
    rates = [(name, f"{rate:+.1f} %") for name, rate in peers.found.bd_rate.items() if rate is not None]
    lines = [f"## Peers on {peers.path}", "", *_table(head, body), ""]
    if rates:
        lines += ["Bytes beyond those of x265 at equal PSNR (BD-rate):", "", *_table(("peer", "BD-rate"), rates), ""]
    absent = dict(peers.found.absent)
    if peers.found.bd_absent is not None:
        absent["BD-rate"] = peers.found.bd_absent
    if peers.found.lpips_absent is not None:
        absent["LPIPS"] = peers.found.lpips_absent
    lines += [f"- {name} absent: {reason}" for name, reason in absent.items()]
    lines += [f"- {name}: {definition}" for name, definition in peers.found.definitions.items()]
    return [*lines, ""]


def document(
    benches: Sequence[DatasetBench],
    memories: Sequence[MemoryReport],
    peers: PeersBench,
    described: dict[str, object],
    command: str,
    minutes: float,
    quick: bool,
    families: Sequence[str] = (),
) -> str:
    """The whole document.

    Args:
        benches: One per dataset.
        memories: Likewise.
        peers: All peers on the first dataset.
        described: From `bench_report.machine`.
        command: The command that measured it.
        minutes: How long it took.
        quick: Few settings, each timed once: said at the top.
        families: Table of all families on each dataset, where they were measured.
    """
    measured = f"{machine_line(described)}; {minutes:.0f} minutes in all."
    lines = ["# Benchmarks", "", f"Written by `{command}`; do not edit.", "", measured, ""]
    if quick:
        lines += ["**A quick run: few settings, each timed once. A look, not a result.**", ""]
    for bench, memory in zip(benches, memories, strict=True):
        lines += _dataset(bench, memory)
    if families:
        lines += ["## Families", "", "```", *"\n\n".join(families).splitlines(), "```", ""]
    lines += _peers(peers)
    lines += [
        "## Again, one by one",
        "",
        "```sh",
        *(f"todpack eval bench {bench.path}" for bench in benches),
        f"todpack eval peers {peers.path} --train-seconds {peers.train_s:g}",
        "```",
    ]
    return "\n".join(lines) + "\n"
