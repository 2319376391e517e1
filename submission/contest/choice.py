"""The setting of each lightmap with which the score of the whole level is highest, from measured points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from todpack.eval.measures.contest import MEASURES, Scorer, ratio_percent

from .rate_points import RatePoint
from .settings import Setting

QUALITIES = ("psnr_db", "ssim", "lpips")
NAMES = ("n_bytes", "time_s", *QUALITIES)
"""Columns of what is summed over the lightmaps."""
SHARES_OF_CLIPPED = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How much a measure that is clipped at its best counts in the search's starts: all, nothing, or in between."""
FINER = (0.125, 0.0625)
"""Between the best of these once more, so far to both sides."""
MOST_PAIRED = 8  # lightmaps; with more, single changes are fine enough
CANDIDATES_PER_OCTAVE = 24
REACH_OCTAVES = 2.0
"""Beyond measured steps, where the slopes at their ends are followed."""
USUAL_SLOPES = (-0.6, 0.0, -4.3, 1.2, 1.2)
"""Of the columns below over an octave, where no two points tell."""
LEAST_STEP, LARGEST_STEP = 0.25, 512.0
TINY, MOST_DB = 1e-7, 150.0


@dataclass(frozen=True)
class Curve:
    """What one lightmap may become.

    Attributes:
        settings: G of them.
        values: (G, 5) float64, columns NAMES.
    """

    settings: tuple[Setting, ...]
    values: np.ndarray


def row_of(point: RatePoint) -> np.ndarray:
    """(5,) columns NAMES."""
    return np.array([float(getattr(point, name)) for name in NAMES])


def measured_curve(points: Sequence[RatePoint]) -> Curve:
    """What was measured, without anything in between."""
    return Curve(tuple(point.setting for point in points), np.array([row_of(point) for point in points]))


def interpolated_curve(points: Sequence[RatePoint]) -> Curve:
    """Candidates between and near the measured points of one lightmap.

    In each domain (transfer and trial codings) columns follow the logarithm of the step: bytes, 1 - SSIM and LPIPS by
    their logarithms, decibels and time as they are. A domain with one point takes the slopes of the one with most.
    """
    domains: dict[tuple[str, int], list[RatePoint]] = {}
    for point in sorted(points, key=lambda point: point.q_step):
        domains.setdefault((point.transfer, point.reweight), []).append(point)
    counts = np.array([points[0].n_psnr, points[0].n_ssim, points[0].n_lpips], np.float64)
    lines = {name: _Line(of_one, counts) for name, of_one in domains.items()}
    steepest = max(lines.values(), key=lambda line: len(line.x))
    settings: list[Setting] = []
    rows = []
    for (transfer, reweight), line in lines.items():
        at = line.candidates()
        settings += [Setting(transfer, reweight, float(f"{2.0**x:.4g}")) for x in at]
        rows.append(line.values(at, counts) if len(line.x) > 1 else line.shaped(at, counts, steepest))
    return Curve(tuple(settings), np.concatenate(rows))


class _Line:
    """Columns of the points of one domain over the logarithm of the step, as they are interpolated."""

    def __init__(self, points: Sequence[RatePoint], counts: np.ndarray) -> None:
        self.x = np.log2([point.q_step for point in points])
        rows = np.array([row_of(point) for point in points])
        means = rows[:, 2:] / np.maximum(counts, 1)
        self.y = np.stack(
            [
                np.log2(rows[:, 0]),
                rows[:, 1],
                np.minimum(means[:, 0], MOST_DB),
                np.log2(np.maximum(1 - means[:, 1], TINY)),
                np.log2(np.maximum(means[:, 2], TINY)),
            ],
            axis=1,
        )

    def candidates(self) -> np.ndarray:
        low = max(self.x[0] - REACH_OCTAVES, math.log2(LEAST_STEP))
        high = min(self.x[-1] + REACH_OCTAVES, math.log2(LARGEST_STEP))
        n = max(2, round((high - low) * CANDIDATES_PER_OCTAVE) + 1)
        return np.union1d(np.linspace(low, high, n), self.x)

    def at(self, x: np.ndarray) -> np.ndarray:
        """(G, 5) interpolated; beyond the ends along their slopes."""
        if len(self.x) == 1:
            return np.asarray(self.y + np.multiply.outer(x - self.x[0], np.array(USUAL_SLOPES)))
        inside = np.clip(x, self.x[0], self.x[-1])
        y = np.stack([np.interp(inside, self.x, column) for column in self.y.T], axis=1)
        first = (self.y[1] - self.y[0]) / (self.x[1] - self.x[0])
        last = (self.y[-1] - self.y[-2]) / (self.x[-1] - self.x[-2])
        below, above = np.minimum(x - self.x[0], 0), np.maximum(x - self.x[-1], 0)
        return np.asarray(y + np.multiply.outer(below, first) + np.multiply.outer(above, last))

    def values(self, x: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """(G, 5) columns NAMES."""
        return _summed(self.at(x), counts)

    def shaped(self, x: np.ndarray, counts: np.ndarray, model: _Line) -> np.ndarray:
        """Through the one point of this domain, in the shape of another."""
        return _summed(self.y + model.at(x) - model.at(self.x), counts)


def _summed(y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    qualities = np.stack([y[:, 2], 1 - np.exp2(y[:, 3]), np.exp2(y[:, 4])], axis=1) * counts
    return np.concatenate([np.exp2(y[:, :1]), np.maximum(y[:, 1:2], 0), qualities], axis=1)


class Objective:
    """The score as a function of sums over the lightmaps, (..., 5) with the columns NAMES."""

    def __init__(self, scorer: Scorer, counts: Mapping[str, int], n_texels: int) -> None:
        """`counts` are tiles by the names of QUALITIES."""
        self._scorer, self._counts, self._n_texels = scorer, counts, n_texels

    def measures(self, sums: np.ndarray) -> dict[str, float | None]:
        """The dataset's measures; None where there is no tile."""
        columns = dict(zip(NAMES, sums.tolist(), strict=True))
        means = {name: columns[name] / self._counts[name] if self._counts[name] else None for name in QUALITIES}
        return {
            **means,
            "time_s": columns["time_s"],
            "ratio_percent": ratio_percent(1, self._n_texels) * columns["n_bytes"],
        }

    def score(self, sums: np.ndarray) -> float:
        """The contest's score."""
        return self._scorer.score(self.measures(sums))

    def scores(self, sums: np.ndarray) -> np.ndarray:
        """The contest's score of each row, (...,)."""
        total = np.zeros(sums.shape[:-1])
        for name in MEASURES:
            span, unit = self._scorer.ranges[name], self._unit(name)
            if unit:
                column = NAMES.index("n_bytes" if name == "ratio_percent" else name)
                share = (sums[..., column] * unit - span.worst) / (span.best - span.worst)
                total += span.weight * np.clip(share, 0.0, 1.0)
        return total

    def slopes(self, shares: Mapping[str, float]) -> np.ndarray:
        """(5,) score per unit of each sum where nothing is clipped, times the share of each quality."""
        out = np.zeros(len(NAMES))
        for name in MEASURES:
            span = self._scorer.ranges[name]
            column = NAMES.index("n_bytes" if name == "ratio_percent" else name)
            out[column] = shares.get(name, 1.0) * span.weight / (span.best - span.worst) * self._unit(name)
        return out

    def _unit(self, name: str) -> float:
        """Of a measure for a unit of its sum; 0 where there is no tile."""
        if name == "ratio_percent":
            return ratio_percent(1, self._n_texels)
        return 1.0 if name == "time_s" else 1 / self._counts[name] if self._counts[name] else 0.0


def choose(curves: Sequence[Curve], objective: Objective, start: Sequence[int] | None = None) -> list[int]:
    """The candidate of each lightmap with which the score of the whole is highest.

    The score is a sum over lightmaps but for its clipped measures: it is maximized for several weights of these, each
    lightmap by itself, and the best of these choices is then improved, one lightmap at a time and in pairs.

    Args:
        curves: Each lightmap's candidates.
        objective: What their sums score.
        start: A choice that the result is not to be worse than.
    """

    def sums_of(chosen: Sequence[int]) -> np.ndarray:
        return np.asarray(np.sum([curve.values[i] for curve, i in zip(curves, chosen, strict=True)], axis=0))

    def with_shares(shares: Sequence[float]) -> list[int]:
        slopes = objective.slopes(dict(zip(QUALITIES, shares, strict=True)))
        return [int(np.argmax(curve.values @ slopes)) for curve in curves]

    def score_of(chosen: Sequence[int]) -> float:
        return objective.score(sums_of(chosen))

    shares = max(
        itertools.product(SHARES_OF_CLIPPED, repeat=len(QUALITIES)), key=lambda shares: score_of(with_shares(shares))
    )
    for width in FINER:
        near = itertools.product(*((s - width, s, s + width) for s in shares))
        shares = max(near, key=lambda shares: score_of(with_shares(shares)))
    best = max([with_shares(shares), *([] if start is None else [list(start)])], key=score_of)
    moves: list[tuple[int, ...]] = [(n,) for n in range(len(curves))]
    if len(curves) <= MOST_PAIRED:
        moves += itertools.combinations(range(len(curves)), 2)
    sums, improved = sums_of(best), True
    while improved:
        improved = False
        for move in moves:
            others = sums - sum(curves[n].values[best[n]] for n in move)
            first = curves[move[0]].values
            grid = others + (first if len(move) == 1 else first[:, None] + curves[move[1]].values)
            scores = objective.scores(grid)
            place = np.unravel_index(int(np.argmax(scores)), scores.shape)
            if scores[place] > objective.scores(sums) + 1e-9:
                sums, improved = grid[place], True
                for n, index in zip(move, place, strict=True):
                    best[n] = int(index)
    return best
