"""One dataset: our default family beside x265 and JPEG XL on the same frames, measured here and now."""

from __future__ import annotations

import importlib.util
import math
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from todpack.frames import Day, read_day

from ..archive import archive_point
from ..errors import EvalError
from ..measures.frames import day_frames
from ..measures.latency import (
    LatencyReport,
    LatencySettings,
    MemoryReport,
    compare_times,
    measure_latency,
    measure_memory,
)
from ..measures.rate_curve import RatePoint
from ..peers.images import JPEG_XL
from ..peers.ours import DAYBASIS, REFINED, compress
from ..peers.run import PeerResults, reference_peers, run_peers
from ..progress import Progress, silent

TIMED_Q_STEP = 16.0  # the step at which compressing is timed and whose archive is opened
BRACKETED_DB = 43.0  # where JPEG XL is compared
MIN_DISTANCE = 0.03


@dataclass(frozen=True)
class BenchSettings:
    """What to measure.

    Attributes:
        crfs: Rate factors of x265, around the levels compared.
        distances: Distances of JPEG XL; more are added until 43 dB lie between two points.
        q_steps: Steps of ours; 16 is always among them.
        threads: Threads of compressing and decoding. The peers choose their own.
        compress_runs: Runs of `todpack compress` at step 16, of which the median counts.
        opens: Fresh processes of a latency.
        lightmap: Which one of a level.
    """

    crfs: tuple[float, ...] = (8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0)
    distances: tuple[float, ...] = (0.2, 0.35, 0.5, 0.7, 1.0, 1.5, 2.0)
    q_steps: tuple[float, ...] = (8.0, 11.0, 16.0, 22.0, 30.0)
    threads: int = 2
    compress_runs: int = 3
    opens: int = 5
    lightmap: str | None = None


QUICK = BenchSettings((10.0, 16.0, 22.0), (0.35, 1.0), (11.0, 16.0, 22.0), compress_runs=1, opens=2)


@dataclass(frozen=True)
class ArchiveBench:
    """A ready archive, measured beside the others: where it lies on the rate curve, and its latency."""

    point: RatePoint
    latency: LatencyReport


@dataclass(frozen=True)
class DatasetBench:
    """Everything measured on one dataset.

    Attributes:
        path: The folder as it was named.
        name: Short name for headings, e.g. `"courtyard 256 x 256"`.
        height: H, rows.
        width: W, columns.
        n_frames: T.
        n_valid: Valid texels.
        results: Points of ours and of the peers, and the absent peers.
        compress_s: Wall times of `todpack compress --q-step 16`, whole processes.
        latencies: Of the archive at step 16: with the threads of the settings, then with 1.
        memory: Of the same archive.
        refined_s: Wall time of `todpack compress --q-step 16 --refine fast`, NaN where torch is absent.
        refined_latency: Of that archive.
        refined_frame_ratio: Its frame time over that of the archive at step 16, both decoded in turn; NaN likewise.
        archives: Ready archives.
    """

    path: str
    name: str
    height: int
    width: int
    n_frames: int
    n_valid: int
    results: PeerResults
    compress_s: tuple[float, ...]
    latencies: tuple[LatencyReport, ...]
    memory: MemoryReport
    refined_s: float = math.nan
    refined_latency: LatencyReport | None = None
    refined_frame_ratio: float = math.nan
    archives: tuple[ArchiveBench, ...] = ()


def bench_dataset(
    data_path: str | Path,
    settings: BenchSettings,
    archives: Mapping[str, Path] | None = None,
    progress: Progress = silent,
) -> DatasetBench:
    """Measure one dataset, one thing after another.

    Args:
        data_path: Folder of 8-bit frames.
        settings: What to measure.
        archives: Ready archives of the same frames by name.

    Raises:
        EvalError: Linear radiance, an archive of other frames, or a command that failed.
    """
    day = read_day(data_path, lightmap=settings.lightmap)
    if day.transfer != "srgb8":
        raise EvalError(f"{data_path}: the bench codes 8-bit sRGB frames, found {day.transfer} radiance")
    bench = _Bench(Path(data_path), day, settings, progress, len(archives or {}))
    others = [bench.ready(name, path) for name, path in (archives or {}).items()]
    refined: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="todpack-bench-") as folder:
        points, compress_s, archive = bench.compressed(DAYBASIS, "none", Path(folder), settings.compress_runs)
        latencies = [bench.latency(archive, threads) for threads in dict.fromkeys((settings.threads, 1))]
        memory = measure_memory(archive, settings.threads)
        if importlib.util.find_spec("torch") is not None:
            refined_points, (refined_s,), refined_archive = bench.compressed(REFINED, "fast", Path(folder), 1)
            points += refined_points
            latency = bench.latency(refined_archive, settings.threads)
            # by one thread each: the waiting threads of one archive would take the cores from the other
            times = compare_times({DAYBASIS: archive, REFINED: refined_archive}, 1, DAYBASIS)
            refined = {"refined_s": refined_s, "refined_latency": latency}
            refined["refined_frame_ratio"] = times[REFINED].frame_ratio
    results = bench.references()
    absent = {} if refined else {REFINED: "torch is not installed: pip install 'todpack[train]'"}
    return DatasetBench(
        path=str(data_path),
        name=f"{day.name} {day.width} x {day.height}",
        height=day.height,
        width=day.width,
        n_frames=day.n_frames,
        n_valid=int(day.valid.sum()),
        results=replace(results, points=(*points, *results.points), absent={**results.absent, **absent}),
        compress_s=compress_s,
        latencies=tuple(latencies),
        memory=memory,
        archives=tuple(others),
        **refined,
    )


class _Bench:
    """The measurements on one day, each of which is announced."""

    def __init__(self, data_path: Path, day: Day, settings: BenchSettings, progress: Progress, n_ready: int) -> None:
        self._data_path, self._day, self._settings, self._progress = data_path, day, settings, progress
        self._q_steps = sorted({*settings.q_steps, TIMED_Q_STEP})
        n_peers = len(settings.crfs) + len(settings.distances)
        self._done, self._in_all = 0, n_ready + 2 * len(self._q_steps) + settings.compress_runs + 2 + n_peers

    def _next(self, what: str) -> None:
        self._progress(min(self._done, self._in_all), self._in_all, what)
        self._done += 1

    def latency(self, archive: Path, threads: int) -> LatencyReport:
        """Latency of an archive."""
        self._next(f"latency, threads {threads}")
        return measure_latency(archive, LatencySettings(threads=threads, opens=self._settings.opens))

    def ready(self, name: str, path: Path) -> ArchiveBench:
        """A ready archive."""
        point = archive_point(path, self._day, name=name, setting=path.name, threads=self._settings.threads)
        return ArchiveBench(point, self.latency(path, self._settings.threads))

    def compressed(
        self, name: str, refine: str, folder: Path, n_runs: int
    ) -> tuple[list[RatePoint], tuple[float, ...], Path]:
        """Points of ours; at step 16, the wall times of so many runs, and the archive."""
        points: list[RatePoint] = []
        wall_s: dict[float, list[float]] = {}
        threads = self._settings.threads
        for q_step in self._q_steps:
            out, wall_s[q_step], setting = folder / f"{refine}-{q_step:g}.tod", [], f"q_step {q_step:g}"
            for _ in range(n_runs if q_step == TIMED_Q_STEP else 1):
                self._next(f"{name} {setting}")
                wall_s[q_step].append(self._compress(out, q_step, refine))
            encode_s = statistics.median(wall_s[q_step])
            point = archive_point(out, self._day, name=name, setting=setting, encode_s=encode_s, threads=threads)
            points.append(point)
        return points, tuple(wall_s[TIMED_Q_STEP]), folder / f"{refine}-{TIMED_Q_STEP:g}.tod"

    def _compress(self, out: Path, q_step: float, refine: str) -> float:
        """Wall time of one, in seconds."""
        return compress(self._data_path, out, q_step, self._settings.threads, refine, self._settings.lightmap)

    def references(self) -> PeerResults:
        """x265 and JPEG XL at their settings, then JPEG XL at more distances until its points bracket 43 dB."""

        def run(crfs: tuple[float, ...], distances: tuple[float, ...]) -> PeerResults:
            peers = reference_peers(crfs, distances)
            return run_peers(frames, self._day.valid, peers, progress=lambda _done, _in_all, what: self._next(what))

        frames, distances = day_frames(self._day), list(self._settings.distances)
        results = run(self._settings.crfs, tuple(distances))
        while distances and JPEG_XL.name not in results.absent:
            reached_db = [point.psnr_db for point in results.curve(JPEG_XL.name)]
            if max(reached_db) < BRACKETED_DB and min(distances) > MIN_DISTANCE:
                distances.append(min(distances) / 2)
            elif min(reached_db) > BRACKETED_DB and max(distances) < JPEG_XL.bounds[1]:
                distances.append(min(max(distances) * 2, JPEG_XL.bounds[1]))
            else:
                break
            more = run((), (distances[-1],))
            results = replace(results, points=results.points + more.points, absent={**results.absent, **more.absent})
        return results
