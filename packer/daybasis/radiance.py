"""The domain in which linear radiance is coded: a curve, and a scale per time that makes errors count alike.

docs/daybasis.md "11. Linear radiance".
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from todpack.decompressor.grid import TileGrid
from todpack.frames import TileSource

from ..errors import ConfigError, PackError

TRANSFERS = ("linear", "gamma", "log")
CURVES = {"linear": "none", "gamma": "square", "log": "exp"}
"""What the archive calls the way back, see decompressor/FORMAT.md "Curve"."""
PEAKS = {"linear": (1e-30, 1e12), "gamma": (1e-30, 1e22), "log": (1e-20, 1e24)}
"""Least and most of a day's brightest radiance: what lies farther from 1 leaves the range of numbers. Dim days lose
quality long before: under 1e-6 in the linear domain, under 1e-12 in the others."""
MEASURE_TILE = 256
"""Side of the tiles over which the contest takes its PSNR."""
SCALED_PEAK = 255.0
"""An error of 1 in the coding domain is about as far under the peak as one code of 8 bits."""
KNEE_SHIFT = 6  # of the logarithm: the peak divided by 2 to this, rounded to a power of two


@dataclass(frozen=True)
class RadianceDomain:
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

    def encode(self, days: np.ndarray) -> np.ndarray:
        """(N, 3T) linear radiance >= 0 to the coding domain, float32."""
        return np.asarray(self.bend(days) * np.repeat(self.frame_scales, 3).astype(np.float32))


def first_domain(day: TileSource, transfer: str) -> RadianceDomain:
    """Scales by which an equal error in the coding domain gives every time the same tiled PSNR, to first order.

    Args:
        day: Linear radiance.
        transfer: One of TRANSFERS.

    Raises:
        ConfigError: unknown transfer.
        PackError: so dim or bright that the format's numbers would not hold it.
    """
    if transfer not in TRANSFERS:
        raise ConfigError(f"--transfer: expected one of {', '.join(TRANSFERS)}, found {transfer}")
    n_hours = len(day.hours)
    domain = RadianceDomain(transfer, _knee(day) if transfer == "log" else 1.0, np.ones(n_hours))
    total, count, peak = np.zeros(n_hours), np.zeros(n_hours), 0.0
    for frames in _measure_tiles(day):
        for t, values in enumerate(frames):
            if values.size and values.max() > 0:
                mean = float(np.mean(np.square(domain.slope(values), dtype=np.float64)))
                # ln(mse / peak^2) of this tile for an error of 1 in the stored domain
                total[t] += math.log(max(mean, 1e-30)) - 2 * math.log(float(values.max()))
                count[t] += 1
                peak = max(peak, float(values.max()))
    least, most = PEAKS[transfer]
    if peak > 0.0 and not least <= peak <= most:
        raise PackError(
            f"{day.name}: expected a brightest radiance from {least:g} to {most:g} for --transfer {transfer}, "
            f"found {peak:g}; scale the frames"
        )
    gains, known = total / np.maximum(count, 1), count > 0
    usual = float(np.median(gains[known])) if known.any() else 0.0
    return replace(domain, frame_scales=SCALED_PEAK * np.exp(np.where(known, gains, usual) / 2))


def _measure_tiles(day: TileSource) -> Iterator[list[np.ndarray]]:
    """The valid values of every frame, measuring tile by measuring tile."""
    for place in TileGrid(day.height, day.width, MEASURE_TILE):
        values, valid = day.read(place.rows, place.columns)
        yield [frame[valid] for frame in values]


def _knee(day: TileSource) -> float:
    peak = max((float(v.max(initial=0.0)) for frames in _measure_tiles(day) for v in frames), default=0.0)
    return 2.0 ** (round(math.log2(peak)) - KNEE_SHIFT) if peak > 0.0 else 1.0


def reweighted(domain: RadianceDomain, frame_mse: np.ndarray, share: float = 1.0) -> RadianceDomain:
    """The next scales of an iteration that raises the mean of the decibels over the times.

    A sum of logarithms of errors is made smaller by weighting each squared error by the inverse of what it was
    (majorize, minimize); the geometric mean of the scales stays.

    Source: Hunter and Lange, "A tutorial on MM algorithms", The American Statistician, 2004.

    Args:
        domain: Of the last result.
        frame_mse: (T,) mean squared error of each time in the coding domain then.
        share: Exponent of the step, 1 for the whole.
    """
    spread = np.log(np.maximum(frame_mse, 1e-3 * max(float(frame_mse.mean()), 1e-30))) / 2
    return replace(domain, frame_scales=domain.frame_scales * np.exp(-share * (spread - spread.mean())))
