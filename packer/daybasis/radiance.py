"""The domain in which linear radiance is coded: a curve, and a scale per time that makes errors count alike."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from todpack.frames import Day

from ..errors import ConfigError

TRANSFERS = ("linear", "gamma", "log")
CURVES = {"linear": "none", "gamma": "square", "log": "exp"}
"""What the archive calls the way back, see decompressor/FORMAT.md "Curve"."""
MEASURE_TILE = 256
"""Side of the tiles over which the contest takes its PSNR."""
SCALED_PEAK = 255.0
"""An error of 1 in the coding domain is about as far under the peak as one code of 8 bits."""
KNEE_SHIFT = 6  # of the logarithm: the peak divided by 2 to this, rounded to a power of two


@dataclass(frozen=True)
class Coding:
    """How linear radiance x at time t becomes the value v that is coded: v = frame_scales[t] * curve(x).

    The scales are folded into the temporal matrix, so that the archive holds the curve alone.

    Attributes:
        transfer: "linear" (x), "gamma" (the square root of x) or "log" (the logarithm of x + knee).
        knee: See above; > 0.
        frame_scales: (T,) float64 > 0.
    """

    transfer: str
    knee: float
    frame_scales: np.ndarray

    def bend(self, radiance: np.ndarray) -> np.ndarray:
        """Radiance to the stored domain, without the scales."""
        if self.transfer == "gamma":
            return np.asarray(np.sqrt(radiance))
        return np.asarray(np.log(radiance + np.float32(self.knee))) if self.transfer == "log" else radiance

    def unbend(self, values: np.ndarray) -> np.ndarray:
        """Stored domain to radiance >= 0, as the decoder does it."""
        if self.transfer == "gamma":
            root = np.maximum(values, 0)
            return np.asarray(root * root)
        linear = np.exp(values) - np.float32(self.knee) if self.transfer == "log" else values
        return np.asarray(np.maximum(linear, 0))

    def slope(self, radiance: np.ndarray) -> np.ndarray:
        """Change of radiance per change in the stored domain."""
        if self.transfer == "gamma":
            return np.asarray(2 * np.sqrt(radiance))
        return radiance + np.float32(self.knee) if self.transfer == "log" else np.ones_like(radiance)

    def encode(self, sequence: Day) -> Day:
        """The day in the coding domain."""
        scales = self.frame_scales.astype(np.float32)[:, None, None, None]
        radiance = np.where(sequence.valid[:, :, None], sequence.radiance, 0)
        return replace(sequence, radiance=self.bend(radiance) * scales)


def first_coding(sequence: Day, transfer: str) -> Coding:
    """Scales by which an equal error in the coding domain gives every time the same tiled PSNR, to first order.

    Args:
        sequence: A linear day.
        transfer: One of TRANSFERS.

    Raises:
        ConfigError: unknown transfer.
    """
    if transfer not in TRANSFERS:
        raise ConfigError(f"--transfer: expected one of {', '.join(TRANSFERS)}, found {transfer}")
    peak = max((float(frame[sequence.valid].max()) for frame in sequence.radiance), default=0.0)
    knee = 2.0 ** (round(math.log2(peak)) - KNEE_SHIFT) if peak > 0.0 else 1.0
    coding = Coding(transfer, knee, np.ones(sequence.n_frames))
    gains = np.array([_mean_log_gain(frame, sequence.valid, coding) for frame in sequence.radiance])
    known = np.isfinite(gains)
    usual = float(np.median(gains[known])) if known.any() else 0.0
    return replace(coding, frame_scales=SCALED_PEAK * np.exp(np.where(known, gains, usual) / 2))


def _mean_log_gain(frame: np.ndarray, valid: np.ndarray, coding: Coding) -> float:
    """Mean over the tiles of ln(mse / peak^2) for an error of 1 in the stored domain; NaN where all tiles are black."""
    found = []
    for top in range(0, frame.shape[0], MEASURE_TILE):
        for left in range(0, frame.shape[1], MEASURE_TILE):
            place = slice(top, top + MEASURE_TILE), slice(left, left + MEASURE_TILE)
            values = frame[place][valid[place]]
            if values.size and values.max() > 0:
                mean = float(np.mean(np.square(coding.slope(values), dtype=np.float64)))
                found.append(math.log(max(mean, 1e-30)) - 2 * math.log(float(values.max())))
    return float(np.mean(found)) if found else math.nan


def reweighted(coding: Coding, frame_mse: np.ndarray, share: float = 1.0) -> Coding:
    """The next scales of an iteration that raises the mean of the decibels over the times.

    A sum of logarithms of errors is made smaller by weighting each squared error by the inverse of what it was
    (majorize, minimize); the mean scale stays.

    Args:
        coding: Of the last result.
        frame_mse: (T,) mean squared error of each time in the coding domain then.
        share: Exponent of the step, 1 for the whole.
    """
    spread = np.log(np.maximum(frame_mse, 1e-3 * max(float(frame_mse.mean()), 1e-30))) / 2
    return replace(coding, frame_scales=coding.frame_scales * np.exp(-share * (spread - spread.mean())))
