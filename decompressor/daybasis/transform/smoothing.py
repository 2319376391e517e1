"""Smoothing of decoded maps: a bounded step towards the neighbors. FORMAT.md "Coefficients to maps".

Rounding leaves ripples of under half a bin on the maps. A bounded step flattens those, and moves an edge by no more
than its bound. Every operation is one of float32 on single elements, so every machine finds the same numbers.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
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


class Smoother:
    """Smooths the maps of one tile.

    Args:
        smoothing: How far.
        valid: (h, w) bool; only differences of two valid texels count.
        q_step: Width of a bin.
    """

    def __init__(self, smoothing: Smoothing, valid: np.ndarray, q_step: float) -> None:
        self._bound = np.float32(smoothing.bound * q_step)
        along_x, along_y = (np.float32(weight) for weight in smoothing.weights)
        self._x = (valid[:, 1:] & valid[:, :-1]) * along_x
        self._y = (valid[1:] & valid[:-1]) * along_y

    def apply(self, maps: np.ndarray, n_threads: int = 1) -> None:
        """Smooth (K, h, w) float32 maps in place; the result does not depend on the threads."""
        parts = np.array_split(maps, max(1, min(n_threads, len(maps))))
        if len(parts) == 1:
            self._smooth(maps)
            return
        with ThreadPoolExecutor(len(parts)) as pool:
            list(pool.map(self._smooth, parts))

    def _smooth(self, maps: np.ndarray) -> None:
        along_x, along_y = np.empty_like(self._x), np.empty_like(self._y)
        for values in maps:
            np.subtract(values[:, 1:], values[:, :-1], out=along_x)
            np.subtract(values[1:], values[:-1], out=along_y)
            for step, weight in ((along_x, self._x), (along_y, self._y)):
                np.clip(step, -self._bound, self._bound, out=step)
                step *= weight
            values[:, :-1] += along_x
            values[:, 1:] -= along_x
            values[:-1] += along_y
            values[1:] -= along_y
