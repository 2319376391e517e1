"""Integers as bits, the highest bit of each byte first; and signs (zigzag). FORMAT.md "daybasis"."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

MAX_WIDTH = 24
"""Widest integer that a window of 32 bits holds whatever bit of a byte it begins at."""

PIECE = 1 << 17
"""Integers that are taken at once."""


class EntropyError(ValueError):
    """The coded bytes are not what an encoder writes: truncated, inconsistent or beyond a limit."""


class OverBudget(MemoryError):  # noqa: N818
    """Decoding would take more memory than it may."""


def zigzag(values: NDArray[Any]) -> NDArray[Any]:
    """0, -1, 1, -2, 2, ... -> 0, 1, 2, 3, 4, ... of signed integers; the type stays."""
    sign = values >> (8 * values.itemsize - 1)  # all ones where negative
    coded: NDArray[Any] = (values << 1) ^ sign
    return coded


def unzigzag(coded: NDArray[Any]) -> NDArray[Any]:
    """0, 1, 2, 3, 4, ... -> 0, -1, 1, -2, 2, ... of signed integers; the type stays."""
    values: NDArray[Any] = (coded >> 1) ^ -(coded & 1)
    return values


class BitReader:
    """Takes bits off a buffer, many integers at a time.

    Raises:
        EntropyError: by its methods, where the buffer ends early.
    """

    def __init__(self, data: bytes) -> None:
        self._bytes = np.frombuffer(data, np.uint8)
        self.position = 0
        """Bits taken so far."""
        padded = np.frombuffer(data + bytes(4), np.uint8).astype(np.uint32)
        # window i: the 32 bits that begin with byte i, so that a gather finds any integer of up to MAX_WIDTH bits
        self._windows = padded[:-3] << 24 | padded[1:-2] << 16 | padded[2:-1] << 8 | padded[3:]

    def _advance(self, n_bits: int) -> int:
        start, self.position = self.position, self.position + n_bits
        if self.position > 8 * self._bytes.size:
            raise EntropyError(f"expected {self.position} bits or more, found {8 * self._bytes.size}")
        return start

    def integers(self, widths: Integers) -> Integers:
        """(n,) unsigned integers of (n,) widths, 0..MAX_WIDTH bits each."""
        out: Integers = np.empty(widths.size, np.int64)
        for first in range(0, widths.size, PIECE):  # arrays in between are small
            some = widths[first : first + PIECE]
            ends = np.cumsum(some)
            starts = self._advance(int(ends[-1])) + ends - some
            window = self._windows[starts >> 3] << (starts & 7).astype(np.uint32)
            out[first : first + PIECE] = window.astype(np.int64) >> (32 - some)
        return out

    def flags(self, count: int) -> NDArray[np.bool_]:
        """(count,) single bits."""
        start = self._advance(count)
        bits = np.unpackbits(self._bytes[start >> 3 : (start + count + 7) >> 3])
        return bits[start & 7 : (start & 7) + count].view(np.bool_)
