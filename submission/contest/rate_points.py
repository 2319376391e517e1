"""Measured points of rate and distortion of the lightmaps of a dataset, kept in a file as they are made."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from todpack.decompressor import open_archive
from todpack.decompressor.files import write_text
from todpack.decompressor.json_fields import read_shallow
from todpack.decompressor.staging import scratch_folder
from todpack.eval.measures.figures import Figures, add_linear_frames
from todpack.eval.measures.lpips_weights import LpipsWeights
from todpack.frames import open_contest
from todpack.packer.dataset.estimate import LevelClock
from todpack.packer.dataset.job import LightmapJob
from todpack.packer.dataset.workers import Task, run_local
from todpack.packer.daybasis.config import DayBasisConfig
from todpack.packer.daybasis.encoder import EncodedDay
from todpack.packer.daybasis.prepared import DomainKey, Domains, PreparedDay, prepare_day
from todpack.packer.daybasis.radiance import RadianceDomain
from todpack.packer.errors import PackError
from todpack.packer.progress import ProgressLine

from ..errors import SubmissionError
from ..plain_bits.header import MAGIC
from ..plain_bits.lightmap import PlainLightmap, read_lightmap
from .settings import Setting
from .write_lightmap import plain_bits_of

if TYPE_CHECKING:
    from todpack.eval.measures.lpips_network import Lpips

SECONDS_PER_SAMPLE = 2.5e-10
"""Model of the time of one latent sample (K * H * W) at one time on two CPU cores: 1.6 ms for 25 maps of 512 x 512."""
SECONDS_PER_TIME = 1e-4
POINT_WORK, DOMAIN_WORK = 0.6, 0.5
"""Work of a point, and of the trials and the transform that points of one domain share; 1 is a plain coding."""


@dataclass(frozen=True)
class RatePoint:
    """One lightmap at one setting.

    Attributes:
        transfer: Of the setting.
        reweight: Of the setting.
        q_step: Of the setting.
        n_bytes: In Parameters/.
        psnr_db: Sum over the tiles that take part.
        n_psnr: How many these are.
        ssim: Sum.
        n_ssim: Count.
        lpips: Sum.
        n_lpips: Count; 0 without weights.
        time_s: Modeled seconds of all times.
    """

    transfer: str
    reweight: int
    q_step: float
    n_bytes: int
    psnr_db: float
    n_psnr: int
    ssim: float
    n_ssim: int
    lpips: float
    n_lpips: int
    time_s: float

    @property
    def setting(self) -> Setting:
        """How it was coded."""
        return Setting(self.transfer, self.reweight, self.q_step)

    @staticmethod
    def from_json(stored: dict[str, Any]) -> RatePoint:
        """The inverse of `asdict`; what else is stored is left alone.

        Raises:
            ValueError: a figure is no number; KeyError: it is missing.
        """
        transfer, *figures = (stored[spec.name] for spec in fields(RatePoint))
        if not isinstance(transfer, str) or not all(type(value) in (int, float) for value in figures):
            raise ValueError("figures of a point that are no numbers")
        return RatePoint(transfer, *figures)


@dataclass(frozen=True)
class MeasureJob(LightmapJob):
    """Settings of one lightmap that are to be measured.

    Attributes:
        settings: At least one.
        weights: Of LPIPS, or None.
        key: Of the lightmap: its files, how codes are refined, versions.
        domains: Of the lightmap, from earlier jobs.
        scratch: Folder for files of the work, which whoever made it removes; None takes the system's.
    """

    settings: tuple[Setting, ...] = ()
    weights: LpipsWeights | None = None
    key: str = ""
    domains: tuple[tuple[DomainKey, RadianceDomain], ...] = field(default=(), compare=False)
    scratch: Path | None = field(default=None, compare=False)

    @property
    def n_codings(self) -> float:
        """So many times the work of coding it once."""
        n_domains = len({(one.transfer, one.reweight) for one in self.settings})
        return POINT_WORK * len(self.settings) + DOMAIN_WORK * n_domains

    def measure(self, on_warning: Callable[[str], object] = lambda _line: None) -> Measurements:
        """Code the lightmap at each setting, store it as plain bits, decode and measure it.

        What settings share is made once: the day that is read, its domains, transforms, and what LPIPS takes of the
        original. Other domains than the usual one are left out where they do not take the lightmap.

        Args:
            on_warning: Told what is unusual about the lightmap.

        Raises:
            PackError: it cannot be coded.
            DataError: it cannot be read.
        """
        from threadpoolctl import threadpool_limits

        lpips = None if self.weights is None else _lpips(self.weights)
        dataset = open_contest(self.dataset)
        entry = next(entry for entry in dataset.entries if entry.name == self.entry.name)
        day = dataset.read(entry)
        for warning in day.warnings:
            on_warning(warning)
        domains: Domains = dict(self.domains)
        ordered = sorted(self.settings, key=lambda one: (one.transfer, one.reweight))
        prepared: dict[str, PreparedDay] = {}
        decoded: list[tuple[Setting, PlainLightmap, int]] = []
        with scratch_folder("points-", self.scratch) as scratch, threadpool_limits(1):
            for setting in ordered:
                config = setting.config
                if repr(config) not in prepared:
                    prepared.clear()  # one at a time is held
                    try:
                        prepared[repr(config)] = prepare_day(day, config, self.options, domains)
                    except PackError:
                        if setting.transfer == DayBasisConfig().transfer:
                            raise
                        continue  # brighter or darker than this domain takes
                coded = prepared[repr(config)].encode(setting.q_step, self.options, self.refine)
                decoded.append((setting, *_as_plain_bits(coded, Path(scratch))))
            prepared.clear()
            all_figures = [Figures() for _ in decoded]
            for index, time_h in enumerate(entry.hours):
                frames = [lightmap.radiance(time_h) for _, lightmap, _ in decoded]
                add_linear_frames(all_figures, day.radiance[index], frames, dataset.mask(entry, index), lpips)
        self.check_unchanged(day)
        points = [
            _point(setting, n_bytes, len(entry.hours) * _time_s(lightmap), figures)
            for (setting, lightmap, n_bytes), figures in zip(decoded, all_figures, strict=True)
        ]
        return Measurements(points, domains)


@dataclass(frozen=True)
class Measurements:
    """What a job gives: points, and the domains that it knows of."""

    points: list[RatePoint]
    domains: Domains

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, from which `from_json` makes the same again."""
        rows = [
            {"key": list(key), "knee": domain.knee, "frame_scales": domain.frame_scales.tolist()}
            for key, domain in self.domains.items()
        ]
        return {"points": [asdict(point) for point in self.points], "domains": rows}

    def with_more(self, more: Measurements) -> Measurements:
        """These, and of others the points at settings that these lack."""
        settings = {point.setting for point in self.points}
        fresh = [point for point in more.points if point.setting not in settings]
        return Measurements([*self.points, *fresh], self.domains | more.domains)

    @staticmethod
    def from_json(stored: dict[str, Any]) -> Measurements:
        """The inverse of `to_json`."""
        domains: Domains = {}
        for row in stored["domains"]:
            transfer, n_trials, step = row["key"]
            scales = np.array(row["frame_scales"], np.float64)
            domains[str(transfer), int(n_trials), float(step)] = RadianceDomain(transfer, float(row["knee"]), scales)
        return Measurements([RatePoint.from_json(point) for point in stored["points"]], domains)


@functools.lru_cache(maxsize=1)
def _lpips(weights: LpipsWeights) -> Lpips:
    """Loaded once in a process."""
    from todpack.eval.measures.lpips_network import Lpips

    return Lpips(weights)


def _as_plain_bits(coded: EncodedDay, scratch: Path) -> tuple[PlainLightmap, int]:
    """A coded day, stored as plain bits and read again; and their size."""
    archive_path, bits_path = scratch / "one.tod", scratch / "one.bin"
    archive_path.write_bytes(coded.writer.to_bytes())
    with open_archive(archive_path, provider="cpu", threads=1) as archive:
        bits_path.write_bytes(plain_bits_of(archive, 0))
    return read_lightmap(bits_path), bits_path.stat().st_size


def _time_s(lightmap: PlainLightmap) -> float:
    return SECONDS_PER_TIME + SECONDS_PER_SAMPLE * lightmap.maps.size


def _point(setting: Setting, n_bytes: int, time_s: float, figures: Figures) -> RatePoint:
    return RatePoint(
        setting.transfer,
        setting.reweight,
        setting.q_step,
        n_bytes,
        psnr_db=float(np.sum(figures.psnr_db)),
        n_psnr=len(figures.psnr_db),
        ssim=float(np.sum(figures.ssim)),
        n_ssim=len(figures.ssim),
        lpips=float(np.sum(figures.lpips)),
        n_lpips=len(figures.lpips),
        time_s=time_s,
    )


class PointCache:
    """Points that were measured, in a file that is whole after every one of them."""

    def __init__(self, path: Path) -> None:
        """Take up a file of an earlier run.

        Raises:
            SubmissionError: the file is something else.
        """
        self._path = path
        self._lightmaps = self._stored()

    def _stored(self) -> dict[str, Measurements]:
        if not self._path.exists():
            return {}
        try:
            stored = read_shallow(self._path)["lightmaps"]
            return {key: Measurements.from_json(row) for key, row in stored.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise SubmissionError(f"{self._path}: expected points of `todpack tune`, found something else") from error

    def find(self, job: MeasureJob, setting: Setting) -> RatePoint | None:
        """The point of a lightmap at a setting."""
        known = self._lightmaps.get(job.key)
        return None if known is None else next((point for point in known.points if point.setting == setting), None)

    def domains(self, job: MeasureJob) -> Domains:
        """What is known of a lightmap's domains."""
        known = self._lightmaps.get(job.key)
        return {} if known is None else known.domains

    def put(self, job: MeasureJob, found: Measurements) -> None:
        """Keep what was measured of a lightmap.

        Raises:
            OutputError: the file cannot be written.
            SubmissionError: it is something else by now.
        """
        none = Measurements([], {})
        for key, others in self._stored().items():  # another process may measure too
            self._lightmaps[key] = self._lightmaps.get(key, none).with_more(others)
        self._lightmaps[job.key] = self._lightmaps.get(job.key, none).with_more(found)
        stored = {key: measured.to_json() for key, measured in self._lightmaps.items()}
        write_text(self._path, json.dumps({"lightmaps": stored}, indent=1) + "\n")


def point_key(digest: str, weights: LpipsWeights | None) -> str:
    """Key of a lightmap's points, by the digest of a job that codes it."""
    return f"{digest}{'' if weights is None else f'+lpips {weights.digest}'} {MAGIC.decode()}"


def measure_all(
    jobs: Sequence[MeasureJob],
    cache: PointCache,
    n_jobs: int,
    label: str,
    until: float = math.inf,
    on_warning: Callable[[str], object] = lambda _line: None,
) -> None:
    """Measure jobs in processes and put their points into the cache, with a line of progress.

    Args:
        jobs: What is not in the cache.
        cache: Where points are kept.
        n_jobs: Processes at once, fewer where memory is short.
        label: Of the line.
        until: Moment of `time.monotonic` at which jobs that are not done are given up.
        on_warning: Told what is unusual about lightmaps, by each job anew.

    Raises:
        SubmissionError: jobs failed; the points of the others are kept.
    """
    with scratch_folder("todpack-tune-") as scratch:
        own = [replace(job, scratch=scratch) for job in jobs]
        tasks = [Task(job, scratch / f"{number}.json") for number, job in enumerate(own)]
        clock = LevelClock(tasks, n_jobs)
        with ProgressLine(label, "lightmap", len(tasks), left_s=clock.left_s) as line:

            def keep(task: Task) -> None:
                assert isinstance(task.job, MeasureJob)
                cache.put(task.job, Measurements.from_json(json.loads(task.part.read_text("utf-8"))))
                clock.finish(task)
                line.update(line.done + 1)

            failures = run_local(
                tasks, n_jobs, keep, _measured, on_warning=on_warning, on_start=clock.start, until=until
            )
    if failures:
        raise SubmissionError("; ".join(failures))


def _measured(job: LightmapJob, on_warning: Callable[[str], object]) -> bytes:
    """What a process does."""
    assert isinstance(job, MeasureJob)
    return json.dumps(job.measure(on_warning).to_json()).encode()
