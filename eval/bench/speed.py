"""One set's times and memory: compressing, opening, frames, texels, as a user meets them, in processes of their own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from todpack.decompressor.staging import scratch_folder

from ..measures.latency import LatencySettings, measure_latency, measure_memory
from ..process import THREAD_VARIABLES, run_module
from ..progress import Progress, silent
from .decoding import decoding_rows
from .sets import BenchSet

Q_STEP = 16.0
THREADS = (1, 2)


@dataclass(frozen=True)
class SpeedSettings:
    """How often things are timed: runs of `todpack compress`, fresh processes of an open."""

    runs: int = 3
    opens: int = 5


QUICK = SpeedSettings(1, 2)


@dataclass(frozen=True)
class Row:
    """One measured figure.

    Attributes:
        measure: What, with its unit.
        value: The figure; None where it could not be measured.
        target: The bound, met where the figure is not above it; None where there is none.
        note: How it came about, or why it is absent.
    """

    measure: str
    value: float | None
    target: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`"met"`, `"missed"`, `"not measured"`, or nothing where there is no target."""
        if self.target is None:
            return ""
        if self.value is None:
            return "not measured"
        return "met" if self.value <= self.target else "missed"

    def to_json(self) -> dict[str, object]:
        """With the verdict."""
        return {**asdict(self), "verdict": self.verdict}


def _compress(one: BenchSet, out: Path, refine: str, runs: int, told: Callable[[str], None]) -> dict[str, float]:
    """Least wall time and processor time of whole processes, and the peak memory."""
    words = ["compress", str(one.path), "-o", str(out), "--q-step", f"{Q_STEP:g}", "--refine", refine, "--overwrite"]
    words += [] if one.lightmap is None else ["--lightmap", one.lightmap]
    limits = dict.fromkeys(THREAD_VARIABLES, str(max(THREADS)))
    wall_s, cpu_s, peaks = [], [], []
    for _ in range(runs):
        told(f"compress --refine {refine}")
        before, start = os.times(), time.perf_counter()
        done = run_module("todpack.eval.bench.peak", words, limits)
        wall_s.append(time.perf_counter() - start)
        after = os.times()
        cpu_s.append(after.children_user + after.children_system - before.children_user - before.children_system)
        peaks.append(float(done.stdout.split()[-1]))
    return {"wall_s": min(wall_s), "cpu_s": min(cpu_s), "peak_bytes": max(peaks)}


def speed_of_set(
    one: BenchSet, settings: SpeedSettings, targets: dict[str, float], progress: Progress = silent
) -> dict[str, Any]:
    """Measure one set.

    Args:
        one: Which.
        settings: How often.
        targets: Bounds by the name of a row.
        progress: Told of each step.

    Returns:
        Plain values for JSON: `rows`; `archive_bytes` of the refined archive; `held_bytes`, what decoding every hour
        takes beside the imports; `q_step`; and the machine's `load` before.
    """
    step, in_all = 0, 2 * settings.runs + len(THREADS) + 2

    def told(what: str) -> None:
        nonlocal step
        progress(min(step, in_all), in_all, f"{one.name}: {what}")
        step += 1

    rows: list[Row] = []

    def row(measure: str, value: float | None, note: str = "") -> None:
        rows.append(Row(measure, value, targets.get(measure), note))

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    with scratch_folder("todpack-bench-") as folder:
        path = folder / "day.tod"
        for refine, name in (("none", "closed form"), ("fast", "refined")):
            made = _compress(one, path, refine, settings.runs, told)
            least = f"least of {settings.runs}, whole process; processor time {made['cpu_s']:.2f} s"
            row(f"compress s, {name}", made["wall_s"], least)
            row(f"compress peak MiB, {name}", made["peak_bytes"] / 2**20)
        for threads in THREADS:
            told(f"latency, threads {threads}")
            timing = LatencySettings(threads=threads, opens=settings.opens)
            found = [measure_latency(path, timing) for _ in range(settings.runs)]
            suffix, least = f"threads {threads}", f"least of {settings.runs} medians of"
            row(f"open ms, {suffix}", min(one.open_ms for one in found), f"{least} {timing.opens} fresh processes")
            row(f"frame ms, {suffix}", min(one.frame_ms_median for one in found), f"{least} {found[0].n_frames} frames")
            row(f"texel us, {suffix}", min(one.texel_us_median for one in found), f"{least} {timing.texels} texels")
        told("memory")
        memory = measure_memory(path, max(THREADS))
        row("decode peak MB", memory.decode_bytes / 1e6, f"of which imports {memory.imports_bytes / 1e6:.0f}")
        told("decoding")
        decoding_rows(path, one, settings.opens, row)
        size = path.stat().st_size
    held = memory.decode_bytes - memory.imports_bytes
    return {
        "archive_bytes": size,
        "held_bytes": held,
        "q_step": Q_STEP,
        "load": load,
        "rows": [one_row.to_json() for one_row in rows],
    }
