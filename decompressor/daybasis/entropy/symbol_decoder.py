"""Symbols of one phase from a source (ANS or zstd): significance bits by class, magnitudes, signs."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from .quincunx import PHASES
from .symbols import (
    N_DIRECT,
    TOKEN_BASE,
    TOKEN_RAW_BITS,
    BitReader,
)
from .tables import LOW, SIGNS, Tables
from .weights import N_SIGN_CLASSES

ByteArray = npt.NDArray[np.uint8]
Int64Array = npt.NDArray[np.int64]

BISECTED = 1 << 17


class SymbolSource(Protocol):
    """Where coded symbols come from, each kind in its own order: ans_source.py, zstd_source.py."""

    def bits(self, group: int, index: int, count: int) -> ByteArray:
        """Next bits (0 or 1) of a class; group is a phase (significance) or SIGNS."""

    def tokens(self, table: int, count: int) -> npt.NDArray[np.int32]:
        """Next tokens of a magnitude table, or of the low band (table LOW)."""


def class_ends(classes: ByteArray, order: npt.NDArray[np.intp], limits: Int64Array) -> Int64Array:
    """How many (sorted) classes lie under each limit; by bisection where that is cheaper than counting."""
    if classes.size < BISECTED:
        return np.cumsum(np.bincount(classes, minlength=256))[limits - 1]
    low, high = np.zeros(limits.size, np.int64), np.full(limits.size, classes.size)
    for _ in range(classes.size.bit_length()):
        middle = (low + high) >> 1
        below = (low < high) & (classes[order[np.minimum(middle, classes.size - 1)]] < limits)
        low, high = np.where(below, middle + 1, low), np.where(below, high, middle)
    return low


class SymbolDecoder:
    """Reads the symbols of one stream in coding order."""

    def __init__(self, tables: Tables, source: SymbolSource, raw: bytes) -> None:
        self.source = source
        self.raw = BitReader(raw)
        self.limits = [tables.limits(phase) for phase in PHASES]
        self.magnitude_ends = [tables.magnitude_ends(phase) for phase in PHASES]

    def nonzeros(self, classes: ByteArray, phase: int) -> tuple[npt.NDArray[np.intp], Int64Array]:
        """Nonzero coefficients of one phase: flat positions and magnitudes, in coding order."""
        order = np.argsort(classes, kind="stable")
        ends = class_ends(classes, order, self.limits[phase])
        nonzero = np.flatnonzero(self.bits(phase, ends).view(np.bool_))
        counts = np.diff(np.searchsorted(nonzero, ends[self.magnitude_ends[phase] - 1]), prepend=0)
        tokens = [self.source.tokens(int(c), int(counts[c])) for c in np.flatnonzero(counts)]
        return order[nonzero], 1 + self.values_of(np.concatenate([np.zeros(0, np.int32), *tokens]))

    def bits(self, group: int, ends: Int64Array) -> ByteArray:
        """Bits sorted by class, class c up to ends[c]."""
        bits = np.empty(int(ends[-1]), np.uint8)
        start = 0
        for index, end in enumerate(ends.tolist()):
            if end > start:
                bits[start:end] = self.source.bits(group, index, end - start)
            start = end
        return bits

    def signed(self, magnitudes: Int64Array, score: npt.NDArray[np.int8]) -> Int64Array:
        """Give signs to magnitudes: bit 1 = the sign differs from that of the score (0 counts as plus)."""
        classes = np.abs(score).view(np.uint8)
        order = np.argsort(classes, kind="stable")
        differs = np.empty(score.size, np.uint8)
        differs[order] = self.bits(SIGNS, np.cumsum(np.bincount(classes, minlength=N_SIGN_CLASSES)))
        return np.where(differs.view(np.bool_) ^ (score < 0), -magnitudes, magnitudes)

    def values_of(self, tokens: npt.NDArray[np.int32]) -> Int64Array:
        """Tokens and the raw bits they call for -> values."""
        values = TOKEN_BASE[tokens]
        late = np.flatnonzero(tokens >= N_DIRECT)
        values[late] += self.raw.read(TOKEN_RAW_BITS[tokens[late]])
        return values

    def low_values(self, rice: Int64Array, n_sites: int) -> Int64Array:
        """(K, n_sites) values of the low band: zigzag, tokens of the high bits plus rice (K,) raw low bits."""
        tokens = self.source.tokens(LOW, rice.size * n_sites)
        widths = np.repeat(rice, n_sites)
        zigzag = self.values_of(tokens) << widths | self.raw.read(widths)
        values: Int64Array = (zigzag >> 1 ^ -(zigzag & 1)).reshape(rice.size, n_sites)
        return values
