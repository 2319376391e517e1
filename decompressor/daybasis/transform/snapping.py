"""Latent maps on grids of powers of two, on which every sum of products is exact in float32."""

from __future__ import annotations

import math

import numpy as np


def snap_to_grid(maps: np.ndarray, exponents: np.ndarray, precision: int) -> None:
    """Round map k to multiples of 2^-(precision + exponents[k]), half to even, in place.

    Args:
        maps: (K, h, w) float32, magnitudes under 2^22 grid steps.
        exponents: (K,) integers.
        precision: P.
    """
    for values, exponent in zip(maps, exponents, strict=True):
        # adding 1.5 * 2^23 steps leaves no bits for anything finer than one step
        magic = np.float32(math.ldexp(1.5, 23 - precision - int(exponent)))
        values += magic
        values -= magic
