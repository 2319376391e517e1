"""Coefficients to integer codes: dead zone, rate-distortion optimized rounding, reconstruction points.

Source: Sullivan, "Efficient scalar quantization of exponential and Laplacian random variables", 1996 (dead zone);
Sullivan and Wiegand, "Rate-distortion optimization for video compression", 1998. docs/daybasis.md "4. Rounding".
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from todpack.decompressor.daybasis.transform.pyramid import Pyramid

Singles = NDArray[np.float32]
Codes = NDArray[np.int32]

ROUNDING = 0.4
"""A magnitude r is coded as floor(r + ROUNDING) where no rate is known: 0.5 would be plain rounding."""
RD_WEIGHT = 0.14
"""Squared steps that one bit is worth; the optimum is flat: against 0.1 it saves 0.5 % at equal PSNR over seven days,
as does 0.2 (ln 2 / 6 = 0.116 at high rate)."""

FIRST_CENTROIDS = (0.0, 0.0625)
"""Reconstruction points that rounding counts on before the true ones are known."""


def to_steps(bands: Sequence[Any], pyramid: Pyramid, q_step: float) -> list[Any]:
    """Coefficients (as `forward` returns them) in units of each site's own step, q_step * pyramid.step_scale."""
    inverse = np.float32(1 / q_step)
    out: list[Any] = [bands[0] * (inverse / pyramid.step_scale[0])]
    for level, scales in zip(bands[1:], pyramid.step_scale[1:], strict=True):
        out.append(tuple(band * (inverse / scale) for band, scale in zip(level, scales, strict=True)))
    return out


def round_dead_zone(band: Singles, rounding: float = ROUNDING) -> Codes:
    """Round magnitudes down unless their fraction is at least 1 - rounding."""
    magnitudes = np.floor(np.abs(band) + np.float32(rounding)).astype(np.int32)
    return np.where(band < 0, -magnitudes, magnitudes)


def quantize(steps: Sequence[Any], rounding: float = ROUNDING) -> list[Any]:
    """Codes of all bands (from `to_steps`): the low band rounded plainly, details with a dead zone."""
    low = np.rint(steps[0]).astype(np.int32)
    return [low, *(tuple(round_dead_zone(band, rounding) for band in level) for level in steps[1:])]


def round_to_rate(
    values: Singles,
    classes: NDArray[np.integer],
    bits: NDArray[np.floating],
    rd_weight: float = RD_WEIGHT,
    centroids: tuple[float, float] = FIRST_CENTROIDS,
) -> Codes:
    """Choose for each coefficient the code of least squared error + rd_weight * bits.

    Candidates are the two integers around the magnitude, and zero. Effects on later contexts are not counted.

    Args:
        values: (N,) coefficients in steps.
        classes: (N,) row of `bits` for each.
        bits: (n_classes, M + 1) cost of magnitude 0..M with its sign; M stands for larger ones too.
        rd_weight: Squared steps per bit.
        centroids: Reconstruction points, see `reconstruct` in decompressor/daybasis/transform/rotations.py.

    Returns:
        (N,) int32.
    """
    last = bits.shape[1] - 1
    table = (np.asarray(bits, np.float64) * rd_weight).astype(np.float32).ravel()
    magnitudes = np.abs(values)
    row = classes.astype(np.intp) * (last + 1)
    one, more = np.float32(centroids[0]), np.float32(centroids[1])
    best = np.zeros(values.shape, np.int32)
    best_cost = magnitudes * magnitudes + table[row]
    lower = magnitudes.astype(np.int32)
    for candidate in (lower, lower + 1):
        error = magnitudes - (candidate + np.where(candidate > 1, more, one))
        cost = error * error + table[row + np.minimum(candidate, last)]
        better = (cost < best_cost) & (candidate > 0)
        best[better], best_cost[better] = candidate[better], cost[better]
    return np.where(values < 0, -best, best)


def stored_centroids(totals: NDArray[np.float64], counts: NDArray[np.float64]) -> tuple[float, float]:
    """Reconstruction points, in 1/32 within +-0.5, of sums of excess over counts of magnitude 1, and of larger ones."""
    one, more = np.clip(np.rint(32 * totals / np.maximum(counts, 1e-9)), -16, 16) / 32 + 0.0  # no -0.0
    return float(one), float(more)


class CentroidFit:
    """Mean excess of the true magnitude over codes of magnitude 1, and over larger ones, gathered tile by tile."""

    def __init__(self) -> None:
        self._totals, self._counts = np.zeros(2), np.zeros(2)

    def add(self, steps: Sequence[Any], codes: Sequence[Any]) -> None:
        """Take the details of a tile into account: coefficients from `to_steps`, and their codes."""
        for level, coded in zip(steps[1:], codes[1:], strict=True):
            for band, code in zip(level, coded, strict=True):
                magnitudes = np.abs(code)
                excess = np.abs(band) - magnitudes
                for kind, chosen in enumerate((magnitudes == 1, magnitudes > 1)):
                    self._totals[kind] += excess[chosen].sum(dtype=np.float64)
                    self._counts[kind] += chosen.sum()

    def add_sums(self, totals: NDArray[np.float64], counts: NDArray[np.float64]) -> None:
        """Take sums of excess and counts of magnitude 1, and of larger ones, into account."""
        self._totals += totals
        self._counts += counts

    def centroids(self) -> tuple[float, float]:
        """Reconstruction points in 1/32 within +-0.5."""
        return stored_centroids(self._totals, self._counts)


def fit_centroids(steps: Sequence[Any], codes: Sequence[Any]) -> tuple[float, float]:
    """Reconstruction points of one tile; arguments as in `CentroidFit.add`."""
    fit = CentroidFit()
    fit.add(steps, codes)
    return fit.centroids()
