"""How each gap between stored times is filled: linear or cubic, whichever predicts the stored times around it."""

from __future__ import annotations

import numpy as np

from todpack.decompressor.daybasis.entry import CUBIC, LINEAR
from todpack.decompressor.daybasis.temporal.ramps import HOURS_PER_DAY


def choose_gap_modes(values: np.ndarray, weights: np.ndarray, hours: np.ndarray) -> str:
    """Choose per gap by leaving each stored time out and predicting it from its neighbours.

    A lamp that switches, or a shadow that leaves, makes the cubic overshoot; then the gap is linear. A gap under half
    of the usual length always is: two times so near to each other are the two sides of a switch.

    Args:
        values: (T, M) what is stored at each time.
        weights: (M,) how much a squared deviation of each value counts.
        hours: (T,) stored times.

    Returns:
        T letters, for the gap after each stored time (the last reaches around to the first).
    """
    n = len(values)
    if n < 5:
        return LINEAR * n
    before, after = np.roll(values, 1, axis=0), np.roll(values, -1, axis=0)
    far = np.roll(values, 2, axis=0) + np.roll(values, -2, axis=0)
    linear_error = ((values - (before + after) / 2) ** 2) @ weights
    cubic_error = ((values - (4 * (before + after) - far) / 6) ** 2) @ weights
    gain = linear_error - cubic_error
    lengths = np.append(np.diff(hours), hours[0] + HOURS_PER_DAY - hours[-1])
    usual = lengths >= np.median(lengths) / 2
    return "".join(CUBIC if usual[i] and gain[i] + gain[(i + 1) % n] > 0 else LINEAR for i in range(n))
