"""The bench: our default family beside x265 and JPEG XL on the same frames, in one run.

Everything is measured here and now: rate curves of all three, the wall time of `todpack compress`, and the latency of
the archive it makes. `eval.bench_targets` judges the figures, `eval.bench_report` prints them.
"""

from __future__ import annotations

import importlib.util
import math
import statistics
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from todpack.frames import Day, read_day

from ..ab.timing import time_archives
from ..errors import EvalError
from ..measures.frames import as_codes
from ..measures.latency import LatencyReport, measure_latency
from ..measures.rate_curve import RatePoint
from ..peers import JPEG_XL, MAX_DISTANCE, X265, PeerResults, run_peers
from .archive import DAYBASIS, REFINED, archive_point, compress
from .result import BRACKETED_DB, TIMED_Q_STEP, ArchiveBench, BenchSettings, DatasetBench

MIN_DISTANCE = 0.03

Progress = Callable[[int, int, str], None]


class _Steps:
    """Counts measurements for the progress bar."""

    def __init__(self, on_step: Progress | None, in_all: int) -> None:
        self._on_step, self._in_all, self._done = on_step, in_all, 0

    def next(self, what: str) -> None:
        """Say what is measured next."""
        if self._on_step is not None:
            self._on_step(min(self._done, self._in_all), self._in_all, what)
        self._done += 1


def bench_dataset(
    data_path: str | Path,
    settings: BenchSettings,
    archives: Mapping[str, Path] | None = None,
    on_step: Progress | None = None,
) -> DatasetBench:
    """Measure one dataset, one thing after another.

    Args:
        data_path: Folder of 8-bit frames.
        settings: What to measure.
        archives: Ready archives of the same frames by name.
        on_step: Called with (measurements done, measurements in all, what comes next).

    Returns:
        The figures.

    Raises:
        EvalError: Linear radiance, an archive of other frames, or a command that failed.
    """
    day = read_day(data_path)
    if day.transfer != "srgb8":
        raise EvalError(f"{data_path}: the bench codes 8-bit sRGB frames, found {day.transfer} radiance")
    frames = as_codes(day.radiance)
    ready = archives or {}
    steps = _Steps(on_step, settings.n_measurements(len(ready)))
    others = []
    for name, path in ready.items():
        steps.next(name)
        point = archive_point(path, frames, day, name=name, setting=path.name, threads=settings.threads)
        latency = measure_latency(path, threads=settings.threads, n_opens=settings.n_opens)
        others.append(ArchiveBench(point, latency))
    with tempfile.TemporaryDirectory(prefix="todpack-bench-") as folder:
        ours, compress_s, latencies = _bench_ours(data_path, day, frames, settings, Path(folder), steps)
        refined, refined_s, refined_latency, ratio = _bench_refined(
            data_path, day, frames, settings, Path(folder), steps
        )
    peers = _bench_peers(frames, day, settings, steps)
    return DatasetBench(
        path=str(data_path),
        name=f"{day.name} {day.width} x {day.height}",
        height=day.height,
        width=day.width,
        n_frames=day.n_frames,
        n_valid=int(day.valid.sum()),
        results=PeerResults(tuple(ours + refined) + peers.points, {**peers.absent, **_absent_refinement(refined)}),
        compress_s=compress_s,
        latencies=latencies,
        refined_s=refined_s,
        refined_latency=refined_latency,
        refined_frame_ratio=ratio,
        archives=tuple(others),
    )


def _bench_ours(
    data_path: str | Path,
    day: Day,
    frames: np.ndarray,
    settings: BenchSettings,
    folder: Path,
    steps: _Steps,
) -> tuple[list[RatePoint], tuple[float, ...], tuple[LatencyReport, ...]]:
    """Points of daybasis, wall times of compressing at step 16, latencies of that archive."""
    points: list[RatePoint] = []
    compress_s: list[float] = []
    latencies: list[LatencyReport] = []
    for q_step in sorted({*settings.q_steps, TIMED_Q_STEP}):
        out = folder / f"{q_step:g}.tod"
        seconds = []
        for _ in range(settings.compress_runs if q_step == TIMED_Q_STEP else 1):
            steps.next(f"{DAYBASIS} q_step {q_step:g}")
            seconds.append(compress(data_path, out, q_step, settings.threads))
        encode_s = statistics.median(seconds)
        setting = f"q_step {q_step:g}"
        points.append(archive_point(out, frames, day, setting=setting, encode_s=encode_s, threads=settings.threads))
        if q_step == TIMED_Q_STEP:
            compress_s = seconds
            for threads in dict.fromkeys((settings.threads, 1)):
                steps.next(f"latency, threads {threads}")
                latencies.append(measure_latency(out, threads=threads, n_opens=settings.n_opens))
    return points, tuple(compress_s), tuple(latencies)


def _absent_refinement(refined: list[RatePoint]) -> dict[str, str]:
    return {} if refined else {REFINED: "torch is not installed: pip install 'todpack[train]'"}


def _bench_refined(
    data_path: str | Path,
    day: Day,
    frames: np.ndarray,
    settings: BenchSettings,
    folder: Path,
    steps: _Steps,
) -> tuple[list[RatePoint], float, LatencyReport | None, float]:
    """Points of the refined daybasis; at step 16 wall time, latency, and frame time over the closed form."""
    points: list[RatePoint] = []
    timed_s, latency, ratio = math.nan, None, math.nan
    if importlib.util.find_spec("torch") is None:
        return points, timed_s, latency, ratio
    for q_step in settings.refined_q_steps:
        out = folder / f"refined-{q_step:g}.tod"
        steps.next(f"{REFINED} q_step {q_step:g}")
        encode_s = compress(data_path, out, q_step, settings.threads, "fast")
        setting = f"q_step {q_step:g}"
        point = archive_point(
            out, frames, day, name=REFINED, setting=setting, encode_s=encode_s, threads=settings.threads
        )
        points.append(point)
        if q_step == TIMED_Q_STEP:
            steps.next("latency, refined")
            timed_s, latency = encode_s, measure_latency(out, threads=settings.threads, n_opens=settings.n_opens)
            pair = {DAYBASIS: folder / f"{q_step:g}.tod", REFINED: out}
            # by one thread each: the waiting threads of one archive would take the cores from the other
            ratio = time_archives(pair, 1, base=DAYBASIS)[REFINED].frame_ratio
    return points, timed_s, latency, ratio


def _bench_peers(frames: np.ndarray, day: Day, settings: BenchSettings, steps: _Steps) -> PeerResults:
    """Both peers at their settings, then JPEG XL at more distances until its points bracket 43 dB."""
    points: list[RatePoint] = []
    absent: dict[str, str] = {}

    def measure(name: str, setting: float) -> None:
        if name in absent:
            return
        steps.next(f"{name} {setting:g}")
        found = run_peers(frames, day.valid, (setting,) if name == X265 else (), (setting,) if name == JPEG_XL else ())
        points.extend(found.points)
        absent.update(found.absent)

    for crf in settings.crfs:
        measure(X265, crf)
    distances = list(settings.distances)
    for distance in distances:
        measure(JPEG_XL, distance)
    while distances and JPEG_XL not in absent:
        reached_db = [point.psnr_db for point in points if point.name == JPEG_XL]
        if max(reached_db) < BRACKETED_DB and min(distances) > MIN_DISTANCE:
            distances.append(min(distances) / 2)
        elif min(reached_db) > BRACKETED_DB and max(distances) < MAX_DISTANCE:
            distances.append(min(max(distances) * 2, MAX_DISTANCE))
        else:
            break
        measure(JPEG_XL, distances[-1])
    return PeerResults(tuple(points), absent)
