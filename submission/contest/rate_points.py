"""Measured points of rate and distortion of the lightmaps of a dataset, kept in a file as they are made."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from todpack.decompressor.container import Container
from todpack.decompressor.files import write_text
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.metadata import read_archive_entry
from todpack.eval.measures.figures import Figures
from todpack.eval.measures.lpips_weights import LpipsWeights
from todpack.frames import open_contest
from todpack.packer.dataset.job import LightmapJob
from todpack.packer.dataset.workers import Task, run_local

from ..errors import SubmissionError
from ..plain_bits.lightmap import read_lightmap
from .write_lightmap import plain_bits_of

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

    @staticmethod
    def from_json(stored: dict[str, Any]) -> RatePoint:
        """The inverse of `asdict`; what else is stored is left alone."""
        return RatePoint(**{spec.name: stored[spec.name] for spec in fields(RatePoint)})


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

    lpips = None
    if weights is not None:
        from todpack.eval.measures.lpips_network import Lpips

        lpips = Lpips(weights)
    dataset = open_contest(job.dataset)
    entry = next(entry for entry in dataset.entries if entry.name == job.entry.name)
    with tempfile.TemporaryDirectory(prefix="todpack-tune-") as scratch, threadpool_limits(1):
        archive_path, bits_path = Path(scratch, "one.tod"), Path(scratch, "one.bin")
        archive_path.write_bytes(job.encode())
        with Container(archive_path, DEFAULT_LIMITS) as container:
            archive = read_archive_entry(container.metadata, archive_path, container.version, DEFAULT_LIMITS)
            bits_path.write_bytes(plain_bits_of(container, archive, archive.lightmaps[0]))
        decoded, n_bytes = read_lightmap(bits_path), bits_path.stat().st_size
        day, figures = dataset.read(entry), Figures()
        for index, time_h in enumerate(entry.hours):
            valid = dataset.mask(entry, index)
            figures.add_frame(day.radiance[index], decoded.radiance(time_h), valid, lpips)
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
    )


class PointCache:
    """Points that were measured, in a file that is whole after every one of them."""

    def __init__(self, path: Path) -> None:
        """Take up a file of an earlier run.

        Raises:
            SubmissionError: the file is something else.
        """
        self._path = path
        self._points: dict[str, RatePoint] = {}
        if path.exists():
            try:
                stored = json.loads(path.read_text("utf-8"))["points"]
                self._points = {key: RatePoint.from_json(point) for key, point in stored.items()}
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise SubmissionError(f"{path}: expected points of `todpack tune`, found {error!r}") from error

    def find(self, key: str) -> RatePoint | None:
        """A point by its key."""
        return self._points.get(key)

    def put(self, key: str, point: RatePoint) -> None:
        """Keep a point.

        Raises:
            OutputError: the file cannot be written.
        """
        self._points[key] = point
        stored = {name: asdict(measured) for name, measured in self._points.items()}
        write_text(self._path, json.dumps({"points": stored}, indent=1) + "\n")


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
        n_jobs: Processes at once, fewer where memory is short; 1 measures in this one.
        on_done: Called after each new point.

    Raises:
        SubmissionError: jobs failed; the points of the others are kept.
    """
    missing = {key: job for key, job in jobs if cache.find(key) is None}
    if n_jobs == 1 or len(missing) < 2:
        for key, job in missing.items():
            cache.put(key, measure(job, weights))
            on_done()
        return _found(jobs, cache)
    with tempfile.TemporaryDirectory(prefix="todpack-tune-") as scratch:
        tasks = [Task(job, Path(scratch, f"{number}.json")) for number, job in enumerate(missing.values())]
        keys = dict(zip(tasks, missing, strict=True))

        def keep(task: Task) -> None:
            cache.put(keys[task], RatePoint.from_json(json.loads(task.part.read_text("utf-8"))))
            on_done()

        failures = run_local(tasks, n_jobs, keep, partial(_measured, weights))
    if failures:
        raise SubmissionError("; ".join(failures))
    return _found(jobs, cache)


def _found(jobs: Sequence[tuple[str, LightmapJob]], cache: PointCache) -> list[RatePoint]:
    points = [cache.find(key) for key, _ in jobs]
    return [point for point in points if point is not None]


def _measured(weights: LpipsWeights | None, job: LightmapJob, _on_warning: Callable[[str], object]) -> bytes:
    """`measure` in a process of its own."""
    return json.dumps(asdict(measure(job, weights))).encode()
