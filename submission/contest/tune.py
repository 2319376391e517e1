"""`todpack tune`: the step of each lightmap with which the contest's score is highest."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from todpack.eval.measures.contest import MEASURES, Scorer, ratio_percent
from todpack.eval.measures.lpips_weights import LpipsWeights
from todpack.packer.dataset.job import LightmapJob
from todpack.packer.dataset.plan import jobs_of

from .rate_points import PointCache, RatePoint, measure_all

FIRST_STEPS = (2.5, 5.0, 10.0)
SHARES_OF_CLIPPED = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How much a measure that is clipped at its best counts in the search's starts: all, nothing, or in between."""
CANDIDATES_PER_OCTAVE = 32
MOST_PAIRED = 8  # lightmaps; with more, single changes are fine enough
CANDIDATES_OF_A_PAIR = 24
LEAST_STEP, LARGEST_STEP = 0.25, 512.0
ENOUGH = 1e-3  # of the score: a gain below it is not worth another measurement
LEAST_GAIN_DB = 0.2  # points nearer than this tell no slope
QUALITIES = ("psnr_db", "ssim", "lpips")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Curve:
    """One lightmap's measures over its candidates, interpolated between measured points.

    Attributes:
        steps: (G,) ascending.
        values: (G,) each: n_bytes, time_s, and the sums psnr_db, ssim, lpips.
    """

    steps: np.ndarray
    values: dict[str, np.ndarray]


@dataclass(frozen=True)
class Tuned:
    """The result.

    Attributes:
        points: Measured, of each lightmap by name.
        measures: The dataset's figures at these points.
        score: What these measures score.
        more_psnr: Change of the score by 1 dB more at the same bytes.
        psnr_bytes: Bytes that 1 dB more takes, from the measured points; NaN where they do not tell.
        more_bytes: Change of the score by 1 kB (1000 bytes) more at the same quality.
    """

    points: dict[str, RatePoint]
    measures: dict[str, float | None]
    score: float
    more_psnr: float
    psnr_bytes: float
    more_bytes: float

    def to_json(self, scorer: Scorer) -> dict[str, Any]:
        """As `todpack tune -o` writes it; `q_steps` is what `submit build --steps` reads."""
        return {
            "q_steps": {name: point.q_step for name, point in self.points.items()},
            "measures": self.measures,
            "points": {k: None if v is None else scorer.ranges[k].points(v) for k, v in self.measures.items()},
            "score": self.score,
            "one_more_db": self.more_psnr,
            "bytes_of_one_db": None if math.isnan(self.psnr_bytes) else self.psnr_bytes,
            "one_more_kilobyte": self.more_bytes,
        }


def curve_of(points: Sequence[RatePoint]) -> Curve:
    """Interpolate over the logarithm of the step: bytes in their logarithm, the rest linearly."""
    ordered = sorted(points, key=lambda point: point.q_step)
    x = np.log2([point.q_step for point in ordered])
    n = max(2, round((x[-1] - x[0]) * CANDIDATES_PER_OCTAVE) + 1)
    at = np.union1d(np.linspace(x[0], x[-1], n), x)
    values = {
        name: np.interp(at, x, [float(getattr(point, name)) for point in ordered]) for name in ("time_s", *QUALITIES)
    }
    values["n_bytes"] = np.exp2(np.interp(at, x, np.log2([point.n_bytes for point in ordered])))
    return Curve(np.exp2(at), values)


class Objective:
    """The score as a function of sums over the lightmaps."""

    def __init__(self, scorer: Scorer, counts: Mapping[str, int], n_texels: int) -> None:
        """`counts` are tiles by the names of QUALITIES."""
        self._scorer, self._counts, self._n_texels = scorer, counts, n_texels

    def measures(self, sums: Mapping[str, float]) -> dict[str, float | None]:
        """The dataset's measures."""
        means = {name: sums[name] / self._counts[name] if self._counts[name] else None for name in QUALITIES}
        return {
            **means,
            "time_s": sums["time_s"],
            "ratio_percent": ratio_percent(1, self._n_texels) * sums["n_bytes"],
        }

    def score(self, sums: Mapping[str, float]) -> float:
        """The contest's score."""
        return self._scorer.score(self.measures(sums))

    def slopes(self, shares: Mapping[str, float]) -> dict[str, float]:
        """Score per unit of each sum where nothing is clipped, times the share of each quality."""
        spans = self._scorer.ranges
        unit = {name: spans[name].weight / (spans[name].best - spans[name].worst) for name in MEASURES}
        found = {
            name: shares[name] * unit[name] / self._counts[name] if self._counts[name] else 0.0 for name in QUALITIES
        }
        return {
            **found,
            "time_s": unit["time_s"],
            "n_bytes": unit["ratio_percent"] * ratio_percent(1, self._n_texels),
        }


def choose(curves: Sequence[Curve], objective: Objective, start: Sequence[int] | None = None) -> list[int]:
    """The candidate of each lightmap with which the score of the whole is highest.

    The score is a sum over lightmaps but for its clipped measures: it is maximized for several weights of these, each
    lightmap by itself, and the best of these choices is then improved, one lightmap at a time and in pairs.

    Args:
        curves: Each lightmap's rate and quality over the step.
        objective: What their sums score.
        start: A choice that the result is not to be worse than.
    """

    def score_of(chosen: Sequence[int]) -> float:
        return objective.score(
            {
                name: sum(float(curve.values[name][i]) for curve, i in zip(curves, chosen, strict=True))
                for name in curves[0].values
            }
        )

    starts = [] if start is None else [list(start)]
    for shares in itertools.product(SHARES_OF_CLIPPED, repeat=len(QUALITIES)):
        slopes = objective.slopes(dict(zip(QUALITIES, shares, strict=True)))
        starts.append(
            [int(np.argmax(sum(slopes[name] * values for name, values in curve.values.items()))) for curve in curves]
        )
    best = max(starts, key=score_of)
    best_score = score_of(best)
    sizes = [len(curve.steps) for curve in curves]
    moves: list[tuple[int, ...]] = [(n,) for n in range(len(curves))]
    moves += [pair for pair in itertools.combinations(range(len(curves)), 2) if len(curves) <= MOST_PAIRED]
    improved = True
    while improved:
        improved = False
        for move in moves:
            strides = [max(1, sizes[n] // CANDIDATES_OF_A_PAIR) if len(move) == 2 else 1 for n in move]
            for places in itertools.product(*(range(0, sizes[n], by) for n, by in zip(move, strides, strict=True))):
                trial = list(best)
                for n, place in zip(move, places, strict=True):
                    trial[n] = place
                score = score_of(trial)
                if score > best_score + 1e-9:
                    best, best_score, improved = trial, score, True
    return best


def _next_step(curve: Curve, index: int) -> float:
    """The chosen step; an octave beyond where it lies at an end of what was measured."""
    step = float(curve.steps[index])
    if index == 0:
        step /= 2
    elif index == len(curve.steps) - 1:
        step *= 2
    return float(f"{min(max(step, LEAST_STEP), LARGEST_STEP):.4g}")


def tune(
    data: Path,
    scorer: Scorer,
    cache: PointCache,
    *,
    weights: LpipsWeights | None,
    n_jobs: int = 1,
    max_rounds: int = 4,
    on_point: Callable[[], None] = lambda: None,
    say: Say = lambda _: None,
) -> Tuned:
    """Choose the steps from measured points; each round measures what the last one's interpolation chose.

    Args:
        data: The dataset.
        scorer: Ranges and weights.
        cache: Where points are kept.
        weights: Of LPIPS; None leaves it out of the score.
        n_jobs: Lightmaps at once.
        max_rounds: Measurements after the first three steps, at most.
        on_point: Called after each new point.
        say: Called with a line after each round.

    Raises:
        DataError: the dataset cannot be read.
        PackError: a lightmap cannot be coded.
    """
    bases = jobs_of(data)
    keys = [f"{job.digest()}{'' if weights is None else '+lpips'}" for job in bases]

    def measured(steps: Sequence[tuple[int, float]]) -> list[RatePoint]:
        jobs = [(f"{keys[n]}@{step:g}", _at_step(bases[n], step)) for n, step in steps]
        return measure_all(jobs, weights, cache, n_jobs, on_point)

    first = [(n, step) for n in range(len(bases)) for step in FIRST_STEPS]
    points: list[list[RatePoint]] = [[] for _ in bases]
    for (n, _), point in zip(first, measured(first), strict=True):
        points[n].append(point)
    counts = {
        "psnr_db": sum(p[0].n_psnr for p in points),
        "ssim": sum(p[0].n_ssim for p in points),
        "lpips": sum(p[0].n_lpips for p in points),
    }
    objective = Objective(scorer, counts, sum(job.entry.width * job.entry.height for job in bases))
    best = _best_measured(points, objective)
    for number in range(max_rounds):
        before = objective.score(_sums(best))
        curves = [curve_of(row) for row in points]
        chosen = choose(curves, objective)
        wanted = [(n, _next_step(curves[n], chosen[n])) for n in range(len(bases))]
        fresh = [(n, step) for n, step in wanted if all(point.q_step != step for point in points[n])]
        if not fresh:
            break
        for (n, _), point in zip(fresh, measured(fresh), strict=True):
            points[n].append(point)
        best = _best_measured(points, objective, best)
        after = objective.score(_sums(best))
        say(f"round {number + 1}: score {after:.4f} ({after - before:+.4f})")
        if number > 0 and after - before < ENOUGH:
            break
    sums = _sums(best)
    score = objective.score(sums)
    louder = {**sums, "psnr_db": sums["psnr_db"] + counts["psnr_db"]}
    heavier = {**sums, "n_bytes": sums["n_bytes"] + 1000}
    return Tuned(
        {job.entry.name: point for job, point in zip(bases, best, strict=True)},
        objective.measures(sums),
        score,
        objective.score(louder) - score,
        _bytes_of_one_db(points, best),
        objective.score(heavier) - score,
    )


def _at_step(job: LightmapJob, step: float) -> LightmapJob:
    return replace(job, config=replace(job.config, q_step=step))


def _sums(points: Sequence[RatePoint]) -> dict[str, float]:
    return {name: math.fsum(float(getattr(p, name)) for p in points) for name in ("n_bytes", "time_s", *QUALITIES)}


def _best_measured(
    points: Sequence[Sequence[RatePoint]], objective: Objective, before: Sequence[RatePoint] | None = None
) -> list[RatePoint]:
    """The best choice among what was measured, not worse than `before`; without interpolation."""
    ordered = [sorted(row, key=lambda point: point.q_step) for row in points]
    names = ("n_bytes", "time_s", *QUALITIES)
    curves = [
        Curve(
            np.array([point.q_step for point in row]),
            {name: np.array([float(getattr(point, name)) for point in row]) for name in names},
        )
        for row in ordered
    ]
    start = None if before is None else [row.index(point) for row, point in zip(ordered, before, strict=True)]
    return [row[i] for row, i in zip(ordered, choose(curves, objective, start), strict=True)]


def _bytes_of_one_db(points: Sequence[Sequence[RatePoint]], best: Sequence[RatePoint]) -> float:
    """What 1 dB more in every lightmap adds, by the slope between each chosen point and the one nearest in quality."""
    total = 0.0
    for row, chosen in zip(points, best, strict=True):
        others = [p for p in row if abs(p.psnr_db - chosen.psnr_db) > LEAST_GAIN_DB * chosen.n_psnr]
        if not others:
            return math.nan
        near = min(others, key=lambda p, at=chosen.psnr_db: abs(p.psnr_db - at))  # type: ignore[misc]
        gain_db = (near.psnr_db - chosen.psnr_db) / chosen.n_psnr
        total += chosen.n_bytes * ((near.n_bytes / chosen.n_bytes) ** (1 / gain_db) - 1)
    return total
