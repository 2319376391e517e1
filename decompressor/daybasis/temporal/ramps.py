"""Any time of the day from the stored ones: the basis as a sum of ramps, the form in which the graph `frame` takes it.

Between stored times i and i + 1 let u run from 0 to 1. A matrix entry is linear there, or cubic (periodic Hermite):

    A(t) = A_i + u D_i + u (1 - u)^2 E_i + u^2 (1 - u) F_i,    D_i = A_{i+1} - A_i

With u clipped to 0..1 for every gap at once this is A_0 plus one product of a (3T,) vector of ramps and a table of rows
D, E, F, so that the graph needs no search and no branches. At stored times every ramp is 0 or 1, and the sum is exact.
FORMAT.md "Temporal codes".

Source: the cubic Hermite spline with central differences as tangents (Catmull and Rom, "A class of local interpolating
splines", 1974), written as the chord and two bumps: with s and e the tangents at the ends times the length of the gap,
E_i = s - D_i and F_i = D_i - e.
"""

from __future__ import annotations

import numpy as np

LINEAR, CUBIC = "L", "C"  # letters of `DayBasisEntry.gap_modes`
HOURS_PER_DAY = 24.0


def gap_lengths(hours: np.ndarray) -> np.ndarray:
    """(T,) float32 hours from each stored time to the next; the last reaches around to the first of the next day.

    Differences are taken in float32, as the graph takes them: a ramp then ends at exactly 1.
    """
    times = hours.astype(np.float32)
    return np.append(times[1:], np.float32(times[0] + np.float32(HOURS_PER_DAY))) - times


def _slopes(values: np.ndarray, hours: np.ndarray, modes: str) -> tuple[np.ndarray, np.ndarray]:
    """Change over each gap that the tangents at its ends foresee, (T, M) each; where the next gap is linear, D_i."""
    n = len(hours)
    gaps = np.append(np.diff(hours), hours[0] + HOURS_PER_DAY - hours[-1])[:, None]
    change = np.roll(values, -1, axis=0) - values
    tangent = (np.roll(values, -1, axis=0) - np.roll(values, 1, axis=0)) / (gaps + np.roll(gaps, 1, axis=0))
    smooth = np.array([modes[i] == CUBIC and modes[i - 1] == CUBIC for i in range(n)])[:, None]
    start = np.where(smooth, tangent * gaps, change)
    end = np.where(np.roll(smooth, -1, axis=0), np.roll(tangent, -1, axis=0) * gaps, change)
    return start, end


def ramp_table(values: np.ndarray, hours: np.ndarray, modes: str) -> np.ndarray:
    """Rows D, E, F of all gaps.

    Args:
        values: (T, M) float64, what is stored at each time.
        hours: (T,) float64.
        modes: One letter per gap, see `DayBasisEntry.gap_modes`.

    Returns:
        (3T, M) float64.
    """
    change = np.roll(values, -1, axis=0) - values
    cubic = np.array([mode == CUBIC for mode in modes])[:, None]
    start, end = _slopes(values, hours, modes)
    return np.concatenate([change, np.where(cubic, start - change, 0.0), np.where(cubic, change - end, 0.0)])
