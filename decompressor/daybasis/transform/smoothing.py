"""Smoothing of decoded maps: a bounded step towards the neighbors. FORMAT.md "Coefficients to maps", step 5.

Rounding leaves ripples of under half a bin on the maps. A bounded step flattens those, and moves an edge by no more
than its bound. Every operation is one of float32 on single elements, so every machine finds the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WEIGHT_SCALE = 64
"""Weights are multiples of 1 / this."""


@dataclass(frozen=True)
class Smoothing:
    """How far a texel moves towards its neighbors.

    Attributes:
        bound: Differences count up to this, in units of q_step.
        weights: Shares of a difference along x and along y, multiples of 1 / WEIGHT_SCALE.
    """

    bound: float
    weights: tuple[float, float]


def smooth(maps: np.ndarray, valid: np.ndarray, smoothing: Smoothing, q_step: float) -> None:
    """Smooth the maps of one tile, in place.

    Args:
        maps: (K, h, w) float32.
        valid: (h, w) bool; only differences of two valid texels count.
        smoothing: How far.
        q_step: Width of a bin.
    """
    bound = np.float32(smoothing.bound * q_step)
    share_x, share_y = (np.float32(weight) for weight in smoothing.weights)
    weights_x = (valid[:, 1:] & valid[:, :-1]) * share_x
    weights_y = (valid[1:] & valid[:-1]) * share_y

    along_x, along_y = np.empty_like(weights_x), np.empty_like(weights_y)
    for values in maps:
        # both differences come from the map as it was, so they are taken before anything moves
        np.subtract(values[:, 1:], values[:, :-1], out=along_x)
        np.subtract(values[1:], values[:-1], out=along_y)
        for step, weights in ((along_x, weights_x), (along_y, weights_y)):
            np.clip(step, -bound, bound, out=step)
            step *= weights
        values[:, :-1] += along_x
        values[:, 1:] -= along_x
        values[:-1] += along_y
        values[1:] -= along_y
