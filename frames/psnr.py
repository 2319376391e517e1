"""PSNR of a mean squared error."""

from __future__ import annotations

import math

CODE_PEAK = 255.0
"""Peak of 8-bit codes."""


def psnr_db(mse: float, peak: float = CODE_PEAK) -> float:
    """Peak signal-to-noise ratio: 10 log10(peak^2 / mse).

    Args:
        mse: Mean squared error, >= 0.
        peak: Largest value of the signal, > 0, in the unit of its error.

    Returns:
        Decibels; infinite for an error of zero, and of the other sign for one beyond all numbers.
    """
    ratio = math.inf if mse == 0.0 else peak * peak / mse
    return 10.0 * math.log10(ratio) if ratio != 0.0 else -math.inf
