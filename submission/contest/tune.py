"""`todpack tune`: the domain and the step of each lightmap with which the contest's score is highest."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from todpack.eval.measures.contest import Scorer
from todpack.eval.measures.lpips_weights import LpipsWeights
from todpack.frames import DatasetEntry, open_contest
from todpack.packer.dataset.estimate import LevelPlan, plan_of
from todpack.packer.dataset.job import LightmapJob
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.refine.refiner import refiner

from ..errors import SubmissionError
from .choice import NAMES, QUALITIES, Objective, choose, interpolated_curve, measured_curve, row_of
from .rate_points import MeasureJob, PointCache, RatePoint, measure_all, point_key
from .settings import Setting

FIRST = (Setting("gamma", 2, 3.4), Setting("gamma", 2, 4.4))
"""What is measured of every lightmap before anything else."""
OTHERS = (
    Setting("gamma", 1, 4.0),
    Setting("gamma", 3, 4.0),
    Setting("linear", 1, 5.6),
    Setting("log", 1, 4.0),
)
"""Then one step of every other domain."""
USUAL_ROUNDS = 2
ENOUGH = 5e-4  # of the score: a gain below it is not worth another measurement
MOST_TRIALS = 6
SAME_OCTAVES = 0.02
"""Steps nearer than this are one."""
LEAST_GAIN_DB = 0.2  # points nearer than this tell no slope
MOST_AT_ONCE = 1 << 20
"""Texels of a lightmap that is measured at more than one setting in one job."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class TunedLightmap:
    """One lightmap of the result.

    Attributes:
        entry: Of the dataset.
        point: Measured at the chosen setting.
        lost: Of the score, by its bytes, time, and qualities under their best marks.
    """

    entry: DatasetEntry
    point: RatePoint
    lost: float


@dataclass(frozen=True)
class Tuned:
    """The result.

    Attributes:
        lightmaps: Measured, those that cost most of the score first.
        unmeasured: Settings of lightmaps that the time was too short for.
        measures: The figures at these points; without the unmeasured.
        score: What these measures score.
        more_psnr: Change of the score by 1 dB more at the same bytes.
        psnr_bytes: Bytes that 1 dB more takes, from the measured points; NaN where they do not tell.
        more_bytes: Change of the score by 1 kB (1000 bytes) more at the same quality.
    """

    lightmaps: tuple[TunedLightmap, ...]
    unmeasured: dict[str, Setting]
    measures: dict[str, float | None]
    score: float
    more_psnr: float
    psnr_bytes: float
    more_bytes: float

    def to_json(self, scorer: Scorer) -> dict[str, Any]:
        """As `todpack tune -o` writes it; `settings` is what `submit build --steps` reads."""
        settings = {one.entry.name: one.point.setting for one in self.lightmaps} | self.unmeasured
        return {
            "settings": {
                name: {"transfer": one.transfer, "reweight": one.reweight, "q_step": one.q_step}
                for name, one in settings.items()
            },
            "unmeasured": sorted(self.unmeasured),
            "measures": self.measures,
            "points": {k: None if v is None else scorer.ranges[k].points(v) for k, v in self.measures.items()},
            "score": self.score,
            "one_more_db": self.more_psnr,
            "bytes_of_one_db": None if math.isnan(self.psnr_bytes) else self.psnr_bytes,
            "one_more_kilobyte": self.more_bytes,
        }


class Tuning:
    """A dataset that is being tuned: its lightmaps and the points that are known of them.

    Args:
        data: The dataset.
        scorer: Ranges and weights.
        cache: Where points are kept.
        weights: Of LPIPS; None leaves it out of the score.
        n_jobs: Lightmaps at once.
        max_rounds: Measurements after the first ones, at most.
        budget_s: Seconds after which the best of what was measured is taken.
        say: Called with a line after each round, and with what is unusual about the lightmaps that are read.

    Raises:
        DataError: the dataset cannot be read.
    """

    def __init__(
        self,
        data: Path,
        scorer: Scorer,
        cache: PointCache,
        *,
        weights: LpipsWeights | None,
        n_jobs: int = 1,
        max_rounds: int = 4,
        budget_s: float = math.inf,
        say: Say = lambda _: None,
    ) -> None:
        self._scorer, self._cache, self._n_jobs, self._say = scorer, cache, n_jobs, say
        self._max_rounds, self._until = max_rounds, time.monotonic() + budget_s
        dataset, refine = open_contest(data), refiner(None, None)
        self._jobs = []
        for entry in dataset.entries:
            job = LightmapJob(dataset.path, entry, DayBasisConfig(), DayBasisPackOptions(), None, refine)
            content = job.digest()
            key = point_key(content, weights)
            self._jobs.append(
                MeasureJob(dataset.path, entry, job.config, job.options, None, refine, None, content, (), weights, key)
            )
        self._points: list[list[RatePoint]] = [[] for _ in self._jobs]
        self._told: dict[str, None] = {}  # lines in their order; each job of a lightmap gives them

    def plan(self, out: Path) -> LevelPlan:
        """What it takes, about; points that are kept need not be measured again."""
        first = [job for settings in (FIRST, OTHERS) for job in self._missing([settings] * len(self._jobs))]
        n_left = len({job.entry.name for job in first})
        rounds = min(USUAL_ROUNDS, self._max_rounds) if first else 0
        later = [replace(job, settings=FIRST[:1]) for job in self._jobs for _ in range(rounds)]
        whole = plan_of([*first, *later], out, self._n_jobs, 0)
        texels = sum(job.entry.width * job.entry.height for job in self._jobs)
        return replace(
            whole, n_lightmaps=len(self._jobs), n_kept=len(self._jobs) - n_left, n_texels=texels, disk_bytes=0
        )

    def _missing(self, wanted: Sequence[Sequence[Setting]]) -> list[MeasureJob]:
        """Jobs for what is not in the cache; of large lightmaps each measures one setting."""
        jobs = []
        for job, settings in zip(self._jobs, wanted, strict=True):
            fresh = [one for one in settings if self._cache.find(job, one) is None]
            size = 1 if job.entry.width * job.entry.height > MOST_AT_ONCE else max(1, len(fresh))
            domains = tuple(self._cache.domains(job).items())
            parts = [tuple(fresh[n : n + size]) for n in range(0, len(fresh), size)]
            jobs += [replace(job, settings=part, domains=domains) for part in parts]
        return jobs

    def _measure(self, label: str, wanted: Sequence[Sequence[Setting]]) -> bool:
        """Measure settings of each lightmap; False where the time ended before."""
        jobs = self._missing(wanted)
        if jobs:
            n_told = len(self._told)
            measure_all(jobs, self._cache, self._n_jobs, label, self._until, lambda line: self._told.setdefault(line))
            for line in list(self._told)[n_told:]:
                self._say(line)
        for job, known, settings in zip(self._jobs, self._points, wanted, strict=True):
            found = (self._cache.find(job, setting) for setting in settings)
            known += [point for point in found if point is not None and point not in known]
        return time.monotonic() < self._until

    def run(self) -> Tuned:
        """Choose the settings from measured points; each round measures what the last one's interpolation chose.

        Raises:
            PackError: a lightmap cannot be coded.
            SubmissionError: nothing was measured in the time.
        """
        goes_on = self._measure("tune: first steps", [FIRST] * len(self._jobs))
        used = [n for n, points in enumerate(self._points) if points]
        if not used:
            raise SubmissionError("--budget: expected the time of a few measurements at least, found none done")
        objective = self._objective(used)
        best = self._best(used, objective)
        if goes_on and self._max_rounds:  # steps decide more than domains: first those, in case the time is short
            goes_on, best, _ = self._round("tune: steps", used, objective, best, looks_beside=False)
        if goes_on:
            goes_on = self._measure("tune: other domains", [OTHERS] * len(self._jobs))
            best = self._best(used, objective, best)
        for number in range(self._max_rounds if goes_on else 0):
            before = objective.score(_sums(best))
            goes_on, best, is_new = self._round(f"tune: round {number + 1}", used, objective, best)
            if not is_new:
                break
            after = objective.score(_sums(best))
            self._say(f"round {number + 1}: score {after:.4f} ({after - before:+.4f})")
            if not goes_on or after - before < ENOUGH:
                break
        return self._result(used, objective, best)

    def _round(
        self,
        label: str,
        used: Sequence[int],
        objective: Objective,
        best: list[RatePoint],
        *,
        looks_beside: bool = True,
    ) -> tuple[bool, list[RatePoint], bool]:
        """Measure what the interpolation chooses.

        Returns:
            Whether there is time left, the best of what was measured then, and whether anything was new.
        """
        curves = [interpolated_curve(self._points[n]) for n in used]
        chosen = [curve.settings[i] for curve, i in zip(curves, choose(curves, objective), strict=True)]
        wanted: list[list[Setting]] = [[] for _ in self._jobs]
        for n, setting in zip(used, chosen, strict=True):
            worth = _worth_measuring(setting, [point.setting for point in self._points[n]])
            wanted[n] = worth if looks_beside else [one for one in worth if one == setting]
        if not any(wanted):
            return True, best, False
        goes_on = self._measure(label, wanted)
        return goes_on, self._best(used, objective, best), True

    def _objective(self, used: Sequence[int]) -> Objective:
        firsts = [self._points[n][0] for n in used]
        counts = {
            "psnr_db": sum(point.n_psnr for point in firsts),
            "ssim": sum(point.n_ssim for point in firsts),
            "lpips": sum(point.n_lpips for point in firsts),
        }
        entries = [self._jobs[n].entry for n in used]
        return Objective(self._scorer, counts, sum(entry.width * entry.height for entry in entries))

    def _best(
        self, used: Sequence[int], objective: Objective, before: Sequence[RatePoint] | None = None
    ) -> list[RatePoint]:
        """The best choice among what was measured, not worse than `before`; without interpolation."""
        rows = [self._points[n] for n in used]
        start = None if before is None else [row.index(point) for row, point in zip(rows, before, strict=True)]
        chosen = choose([measured_curve(row) for row in rows], objective, start)
        return [row[i] for row, i in zip(rows, chosen, strict=True)]

    def _result(self, used: Sequence[int], objective: Objective, best: Sequence[RatePoint]) -> Tuned:
        sums = _sums(best)
        score = objective.score(sums)
        counts = np.array([sum(getattr(point, f"n_{name}") for point in best) for name in ("psnr", "ssim", "lpips")])
        louder, heavier = sums.copy(), sums.copy()
        louder[NAMES.index("psnr_db")] += counts[0]
        heavier[0] += 1000
        slopes = objective.slopes(dict.fromkeys(QUALITIES, 1.0))
        marks = np.array([0.0, 0.0, *(self._scorer.ranges[name].best for name in QUALITIES)])
        lightmaps = []
        for n, point in zip(used, best, strict=True):
            full = marks * np.array([0, 0, point.n_psnr, point.n_ssim, point.n_lpips])
            lightmaps.append(TunedLightmap(self._jobs[n].entry, point, float((full - row_of(point)) @ slopes)))
        lightmaps.sort(key=lambda one: -one.lost)
        settings = [point.setting for point in best]
        usual = max(
            settings, key=lambda one: sum((s.transfer, s.reweight) == (one.transfer, one.reweight) for s in settings)
        )
        usual = replace(usual, q_step=float(np.median([point.q_step for point in best])))
        unmeasured = {job.entry.name: usual for n, job in enumerate(self._jobs) if n not in used}
        return Tuned(
            tuple(lightmaps),
            unmeasured,
            objective.measures(sums),
            score,
            objective.score(louder) - score,
            _bytes_of_one_db([self._points[n] for n in used], best),
            objective.score(heavier) - score,
        )


def _worth_measuring(chosen: Setting, measured: Sequence[Setting]) -> list[Setting]:
    """The chosen setting, if it is not measured yet, and domains beside it that are not."""
    trials = {one.reweight for one in measured if one.transfer == chosen.transfer}
    steps = [one.q_step for one in measured if (one.transfer, one.reweight) == (chosen.transfer, chosen.reweight)]
    is_new = all(abs(math.log2(chosen.q_step / step)) >= SAME_OCTAVES for step in steps)
    beside = [n for n in (chosen.reweight - 1, chosen.reweight + 1) if 0 <= n <= MOST_TRIALS and n not in trials]
    return [*([chosen] if is_new else []), *(replace(chosen, reweight=n) for n in beside)]


def _sums(points: Sequence[RatePoint]) -> np.ndarray:
    return np.asarray(np.sum([row_of(point) for point in points], axis=0))


def _bytes_of_one_db(points: Sequence[Sequence[RatePoint]], best: Sequence[RatePoint]) -> float:
    """What 1 dB more in every lightmap adds, by the slope between each chosen point and the one nearest in quality."""
    total = 0.0
    for row, chosen in zip(points, best, strict=True):
        domain = chosen.transfer, chosen.reweight
        others = [
            point
            for point in row
            if (point.transfer, point.reweight) == domain
            and abs(point.psnr_db - chosen.psnr_db) > LEAST_GAIN_DB * chosen.n_psnr
        ]
        if not others:
            return math.nan
        near = min(others, key=lambda p, at=chosen.psnr_db: abs(p.psnr_db - at))  # type: ignore[misc]
        gain_db = (near.psnr_db - chosen.psnr_db) / chosen.n_psnr
        total += chosen.n_bytes * ((near.n_bytes / chosen.n_bytes) ** (1 / gain_db) - 1)
    return total
