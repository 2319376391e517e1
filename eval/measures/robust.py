"""PSNR of radiance that a few very bright texels cannot hide."""

from __future__ import annotations

import math

import numpy as np

from todpack.frames.psnr import psnr_db

KEPT_PERCENT = 99.0
"""Of the valid texels, those that are not brighter than this percentile are measured."""


def robust_psnr_db(original: np.ndarray, reconstruction: np.ndarray, valid: np.ndarray) -> float:
    """PSNR of the texels up to the 99th percentile of brightness, against that percentile as peak.

    A firefly raises the maximum, which the plain figure divides by, and so hides what its hour lost elsewhere.

    Args:
        original: (H, W, 3) linear radiance >= 0, one frame.
        reconstruction: Same shape.
        valid: (H, W) bool.

    Returns:
        Decibels; infinite where these texels are exact, NaN where they are black or there is none.
    """
    before, after = original[valid].astype(np.float64), reconstruction[valid].astype(np.float64)
    if not len(before):
        return math.nan
    brightness = before.max(axis=1)
    peak = float(np.percentile(brightness, KEPT_PERCENT, method="lower"))
    if peak <= 0.0:
        return math.nan
    kept = brightness <= peak
    return psnr_db(float(np.mean((before[kept] - after[kept]) ** 2)), peak)
