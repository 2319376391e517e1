"""Exponential Golomb codes, for integers of which a few are far larger than the rest."""

from __future__ import annotations

import numpy as np

from todpack.decompressor.bits import BitReader

from .bands import read_rice

MAX_BITS = 24
"""After the leading one."""


def read_golomb(reader: BitReader, orders: np.ndarray) -> np.ndarray:
    """Values v of order k: the number n of bits after the leading one of (v >> k) + 1, then the n + k bits of v + 2^k.

    Args:
        reader: At their first bit.
        orders: (n,) integers.

    Returns:
        (n,) int64 >= 0.

    Raises:
        ValueError: the bits end early, or a value is larger than any writer's.
    """
    n_bits = read_rice(reader, np.zeros_like(orders)) + orders
    if n_bits.max(initial=0) > MAX_BITS:
        raise ValueError(f"expected values under {MAX_BITS + 1} bits, found a larger one")
    return np.asarray((1 << n_bits) + reader.integers(n_bits) - (1 << orders))
