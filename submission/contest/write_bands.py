"""Write coefficients in plain bits: what plain_bits/bands.py reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from todpack.decompressor.bits import zigzag

from ..plain_bits.bands import (
    LOW_BITS,
    N_CLASSES,
    START_BITS,
    activity_classes,
)
from ..plain_bits.zero_flags import N_LEVELS, halves, padded, pooled, write_flags


class BitWriter:
    """Puts bits one after another; the counterpart of `BitReader` and `read_rice`."""

    def __init__(self) -> None:
        self._pieces: list[np.ndarray] = []

    def flags(self, values: np.ndarray) -> None:
        """Bools or integers 0 and 1."""
        self._pieces.append(np.asarray(values, bool).ravel())

    def integers(self, values: np.ndarray, width: int) -> None:
        """Integers of so many bits each.

        Raises:
            ValueError: one does not fit.
        """
        numbers = np.asarray(values, np.int64).ravel()
        if numbers.size and not 0 <= int(numbers.min()) <= int(numbers.max()) < 1 << width:
            raise ValueError(f"expected integers of {width} bits, found {numbers.min()}..{numbers.max()}")
        self.flags(numbers[:, None] >> np.arange(width - 1, -1, -1) & 1)

    def rice(self, values: np.ndarray, low_bits: np.ndarray) -> None:
        """Rice codes, as `read_rice` reads them."""
        high = values >> low_bits
        while high.size:
            self.flags(high > 0)
            high = high[high > 0] - 1
        for plane in range(int(low_bits.max(initial=0))):
            self.flags(values[low_bits > plane] >> plane & 1)

    def to_bytes(self) -> bytes:
        """All of it, the last byte filled up with zeros."""
        return np.packbits(np.concatenate([np.zeros(0, bool), *self._pieces])).tobytes()


def best_low_bits(values: np.ndarray, limit: int) -> int:
    """The number of low bits in 0..limit that makes Rice codes of these values shortest."""
    numbers = np.asarray(values, np.int64)
    lengths = [int((numbers >> bits).sum()) + bits * numbers.size for bits in range(limit + 1)]
    return int(np.argmin(lengths))


def _best_starts(exists: list[np.ndarray], truth: list[np.ndarray]) -> np.ndarray:
    """(K,) level with which each map's flags are fewest; N_LEVELS for maps of zeros."""
    n_maps = len(truth[0])
    costs, below = np.empty((N_LEVELS, n_maps), np.int64), np.zeros(n_maps, np.int64)
    for level in range(N_LEVELS):
        costs[level] = np.count_nonzero(exists[level], axis=(1, 2)) + below
        if level + 1 < N_LEVELS:
            on_first, on_second = halves(exists[level], level + 1)
            both = truth[level + 1] & on_first & on_second
            first = halves(truth[level], level + 1)[0]
            below = below + np.count_nonzero(both, axis=(1, 2)) + np.count_nonzero(both & first, axis=(1, 2))
    starts = np.argmin(costs, axis=0)
    starts[~truth[-1].any(axis=(1, 2))] = N_LEVELS
    return np.asarray(starts)


def _write_class(writer: BitWriter, sites: np.ndarray, codes: np.ndarray) -> None:
    """Write the codes at the sites of one class."""
    nonzero = (codes != 0) & sites
    starts = _best_starts(pooled(padded(sites)), pooled(padded(nonzero)))
    writer.integers(starts, START_BITS)
    used = np.flatnonzero(starts < N_LEVELS)
    values = [codes[k][nonzero[k]].astype(np.int64) for k in used]
    low_bits = np.array([best_low_bits(np.abs(v) - 1, (1 << LOW_BITS) - 1) for v in values], np.int64)
    writer.integers(low_bits, LOW_BITS)
    write_flags(writer, sites[used], nonzero[used], starts[used])
    chosen = np.concatenate([np.zeros(0, np.int64), *values])
    writer.flags(chosen < 0)
    writer.rice(np.abs(chosen) - 1, np.repeat(low_bits, [v.size for v in values]))


def write_bands(writer: BitWriter, codes: Any, sites: Any) -> None:
    """Write the coefficients of one tile.

    Args:
        writer: Takes the bits.
        codes: Bands of integers, coarse to fine, 0 outside the sites.
        sites: Where the tile's pyramid has coefficients.
    """
    low = np.diff(codes[0][:, sites[0]].astype(np.int64), axis=1, prepend=0)
    widths = np.array([best_low_bits(zigzag(row), (1 << LOW_BITS + 1) - 1) for row in low], np.int64)
    writer.integers(widths, LOW_BITS + 1)
    writer.rice(zigzag(low.ravel()), np.repeat(widths, low.shape[1]))
    for level in range(1, len(sites)):
        done: list[np.ndarray] = []
        for orientation, site in enumerate(sites[level]):
            band = codes[level][orientation]
            if site.any():
                classes = activity_classes(codes[level - 1] if level > 1 else None, done, orientation, band.shape)
                for number in range(N_CLASSES):
                    chosen = (classes == number) & site
                    if chosen.any():
                        _write_class(writer, chosen, band)
            done.append(band)
