"""Write coefficients in plain bits: what plain_bits/sorted_bands.py reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from todpack.decompressor.bits import zigzag
from todpack.decompressor.daybasis.entropy.quincunx import PHASES
from todpack.packer.daybasis.entropy.symbols import mean_code, pairs, walk

from ..plain_bits.bands import LOW_BITS
from ..plain_bits.flag_lists import N_STARTS
from ..plain_bits.sorted_bands import COUNT_BITS, N_CLASSES, START_BITS, sort_by_class
from .write_lists import count_flags, write_lists

MAX_LOW_BITS = (1 << LOW_BITS) - 1


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

    def golomb(self, values: np.ndarray, orders: np.ndarray) -> None:
        """Exponential Golomb codes, as `read_golomb` reads them."""
        shifted = values + (1 << orders)
        n_bits = np.frexp(shifted)[1] - 1
        self.rice(n_bits - orders, np.zeros_like(orders))
        for number, width in zip(shifted.tolist(), n_bits.tolist(), strict=True):
            self.integers(np.array([number - (1 << width)]), width)

    def to_bytes(self) -> bytes:
        """All of it, the last byte filled up with zeros."""
        return np.packbits(np.concatenate([np.zeros(0, bool), *self._pieces])).tobytes()


def best_low_bits(values: np.ndarray, limit: int) -> int:
    """The number of low bits in 0..limit that makes Rice codes of these values shortest."""
    numbers = np.asarray(values, np.int64)
    lengths = [int((numbers >> bits).sum()) + bits * numbers.size for bits in range(limit + 1)]
    return int(np.argmin(lengths))


def best_order(values: np.ndarray, limit: int) -> int:
    """The order in 0..limit that makes exponential Golomb codes of these values shortest."""
    numbers = np.asarray(values, np.int64)
    lengths = [int((2 * np.frexp((numbers >> k) + 1)[1] - 1 + k).sum()) for k in range(limit + 1)]
    return int(np.argmin(lengths))


def write_bands(writer: BitWriter, codes: Any, sites: Any) -> None:
    """Write the coefficients of one tile.

    Args:
        writer: Takes the bits.
        codes: Bands of integers, coarse to fine, 0 outside the sites.
        sites: Where the tile's pyramid has coefficients.
    """
    _write_rice_rows(writer, np.diff(codes[0][:, sites[0]].astype(np.int64), axis=1, prepend=0))
    means = np.array([mean_code(band, site) for band, site in pairs(codes, sites)], np.int64)
    _write_rice_rows(writer, np.diff(means, axis=0, prepend=0))
    phases = [phase for phase in walk(codes, sites, means.reshape(-1, len(codes[0]))) if phase.values.size]
    lists = [sort_by_class(phase.classes) for phase in phases]
    values = [phase.values[places].astype(np.int64) for phase, (places, _) in zip(phases, lists, strict=True)]
    starts, low_bits = np.zeros((2, N_CLASSES), np.int64), np.zeros((2, N_CLASSES), np.int64)
    for number in PHASES:
        mine = [n for n, phase in enumerate(phases) if phase.phase == number]
        of_class = [np.repeat(np.arange(N_CLASSES), lists[n][1]) for n in mine]
        n_flags = sum((count_flags(values[n] != 0, lists[n][1]) for n in mine), np.zeros((N_STARTS, N_CLASSES), int))
        starts[number] = np.argmin(n_flags, axis=0)
        all_values = np.concatenate([np.zeros(0, np.int64), *(values[n] for n in mine)])
        all_classes = np.concatenate([np.zeros(0, np.int64), *of_class])
        low_bits[number] = _best_low_bits(np.abs(all_values[all_values != 0]) - 1, all_classes[all_values != 0])
        n_used = int(all_classes.max(initial=-1)) + 1
        writer.integers(np.array([n_used]), COUNT_BITS)
        for start, bits in zip(starts[number, :n_used], low_bits[number, :n_used], strict=True):
            writer.integers(start, START_BITS)
            writer.integers(bits, LOW_BITS)
    for phase, (_, counts), coded in zip(phases, lists, values, strict=True):
        write_lists(writer, coded != 0, counts, starts[phase.phase])
        nonzero = coded[coded != 0]
        writer.flags(nonzero < 0)
        writer.rice(np.abs(nonzero) - 1, np.repeat(low_bits[phase.phase], counts)[coded != 0])


def _write_rice_rows(writer: BitWriter, rows: np.ndarray) -> None:
    widths = np.array([best_low_bits(zigzag(row), (1 << LOW_BITS + 1) - 1) for row in rows], np.int64)
    writer.integers(widths, LOW_BITS + 1)
    writer.rice(zigzag(rows.ravel()), np.repeat(widths, rows.shape[1]))


def _best_low_bits(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """(N_CLASSES,) low bits with which the Rice codes of the values of each class are shortest."""
    lengths = [
        np.bincount(classes, (values >> bits) + bits, minlength=N_CLASSES)[:N_CLASSES]
        for bits in range(MAX_LOW_BITS + 1)
    ]
    return np.asarray(np.argmin(lengths, axis=0))
