"""Measured points of rate and distortion of the lightmaps of a dataset, kept in a file as they are made."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from todpack.decompressor.container import Container
from todpack.decompressor.files import write_text
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.metadata import read_archive_entry
from todpack.eval.measures.figures import Figures
from todpack.eval.measures.lpips_weights import LpipsWeights
from todpack.frames import open_contest
from todpack.packer.dataset.job import LightmapJob
from todpack.packer.dataset.workers import quiet_children

from ..errors import SubmissionError
from ..plain_bits.lightmap import RawLightmap, read_lightmap
from .plain_lightmap import raw_lightmap

SECONDS_PER_SAMPLE = 2.5e-10
"""Model of the time of one latent sample (K * H * W) at one time on two CPU cores: 1.6 ms for 25 maps of 512 x 512."""
SECONDS_PER_TIME = 1e-4


@dataclass(frozen=True)
class RatePoint:
    """One lightmap at one step.

    Attributes:
        q_step: The step.
        n_bytes: In Parameters/.
        psnr_db: Sum over the tiles that take part.
        n_psnr: How many these are.
        ssim: Sum.
        n_ssim: Count.
        lpips: Sum.
        n_lpips: Count; 0 without weights.
        time_s: Modeled seconds of all times.
        work_s: Seconds that measuring took.
    """

    q_step: float
    n_bytes: int
    psnr_db: float
    n_psnr: int
    ssim: float
    n_ssim: int
    lpips: float
    n_lpips: int
    time_s: float
    work_s: float


def frame_of(lightmap: RawLightmap, time_h: float) -> np.ndarray:
    """(H, W, 3) float32 linear radiance, as the contest's Interface decodes it, without torch."""
    n_maps, height, width = lightmap.maps.shape
    matrix, offset = lightmap.affine(time_h)
    values = matrix @ lightmap.maps.reshape(n_maps, -1) + offset
    if lightmap.curve == "exp":
        values = np.exp(values) - np.float32(lightmap.knee)
    radiance = np.maximum(values, 0)
    if lightmap.curve == "square":
        radiance *= radiance
    return np.asarray(radiance.T.reshape(height, width, 3))


def measure(job: LightmapJob, weights: LpipsWeights | None) -> RatePoint:
    """Code a lightmap, store it as plain bits, decode it and measure it.

    Args:
        job: Lightmap and step.
        weights: Of LPIPS, or None.

    Raises:
        PackError: it cannot be coded.
        DataError: it cannot be read.
    """
    from threadpoolctl import threadpool_limits

    started, lpips = time.perf_counter(), None
    if weights is not None:
        from todpack.eval.measures.lpips_network import Lpips

        lpips = Lpips(weights)
    dataset = open_contest(job.dataset)
    entry = next(entry for entry in dataset.entries if entry.name == job.entry.name)
    with tempfile.TemporaryDirectory(prefix="todpack-tune-") as scratch, threadpool_limits(1):
        archive_path, raw_path = Path(scratch, "one.tod"), Path(scratch, "one.bin")
        archive_path.write_bytes(job.encode())
        with Container(archive_path, DEFAULT_LIMITS) as container:
            archive = read_archive_entry(container.metadata, archive_path, container.version, DEFAULT_LIMITS)
            raw_path.write_bytes(raw_lightmap(container, archive, archive.lightmaps[0]))
        decoded, n_bytes = read_lightmap(raw_path), raw_path.stat().st_size
        day, figures = dataset.read(entry), Figures()
        for index, time_h in enumerate(entry.hours):
            valid = dataset.mask(entry, index)
            figures.add_frame(day.radiance[index], frame_of(decoded, time_h), valid, lpips)
    n_times = len(entry.hours)
    return RatePoint(
        q_step=job.config.q_step,
        n_bytes=n_bytes,
        psnr_db=float(np.sum(figures.psnr_db)),
        n_psnr=len(figures.psnr_db),
        ssim=float(np.sum(figures.ssim)),
        n_ssim=len(figures.ssim),
        lpips=float(np.sum(figures.lpips)),
        n_lpips=len(figures.lpips),
        time_s=n_times * (SECONDS_PER_TIME + SECONDS_PER_SAMPLE * decoded.maps.size),
        work_s=round(time.perf_counter() - started, 3),
    )


class PointCache:
    """Points that were measured, in a file that is whole after every one of them."""

    def __init__(self, path: Path) -> None:
        """Take up a file of an earlier run.

        Raises:
            SubmissionError: the file is something else.
        """
        self._path = path
        self._points: dict[str, dict[str, float]] = {}
        if path.exists():
            try:
                self._points = json.loads(path.read_text("utf-8"))["points"]
                for fields in self._points.values():
                    RatePoint(**fields)  # type: ignore[arg-type]
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise SubmissionError(f"{path}: expected points of `todpack tune`, found {error!r}") from error

    def find(self, key: str) -> RatePoint | None:
        """A point by its key."""
        fields = self._points.get(key)
        return None if fields is None else RatePoint(**fields)  # type: ignore[arg-type]

    def put(self, key: str, point: RatePoint) -> None:
        """Keep a point.

        Raises:
            OutputError: the file cannot be written.
        """
        self._points[key] = asdict(point)
        text = json.dumps({"points": self._points}, indent=1) + "\n"
        write_text(self._path, text)


def measure_all(
    jobs: Sequence[tuple[str, LightmapJob]],
    weights: LpipsWeights | None,
    cache: PointCache,
    n_jobs: int,
    on_done: Callable[[], None],
) -> list[RatePoint]:
    """Points of jobs, in their order; those in the cache are not measured again.

    Args:
        jobs: Key and job of each.
        weights: Of LPIPS, or None.
        cache: Where points are kept.
        n_jobs: Processes at once; 1 measures in this one.
        on_done: Called after each new point.

    Raises:
        TodpackError: of the first job that failed.
    """
    missing = [(key, job) for key, job in jobs if cache.find(key) is None]
    if n_jobs == 1 or len(missing) < 2:
        for key, job in missing:
            cache.put(key, measure(job, weights))
            on_done()
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(n_jobs, len(missing)), mp_context=context) as pool:
            with quiet_children():  # the first submissions start them
                futures = {pool.submit(measure, job, weights): key for key, job in missing}
            try:
                for future in as_completed(futures):
                    cache.put(futures[future], future.result())
                    on_done()
            except BaseException:
                for process in multiprocessing.active_children():
                    process.terminate()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    found = [cache.find(key) for key, _ in jobs]
    return [point for point in found if point is not None]
