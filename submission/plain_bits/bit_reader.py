"""Plain bits, the highest of each byte first: flags, integers of a width, and Rice codes in planes."""

from __future__ import annotations

import numpy as np

MAX_UNARY = 1 << 16


class BitReader:
    """Takes bits off a buffer.

    Raises:
        ValueError: by its methods, where the buffer ends early or holds what no writer writes.
    """

    def __init__(self, data: bytes) -> None:
        self._bits = np.unpackbits(np.frombuffer(data, np.uint8)).view(bool)
        self._at = 0

    def flags(self, count: int) -> np.ndarray:
        """(count,) bool."""
        first, self._at = self._at, self._at + count
        if self._at > self._bits.size:
            raise ValueError(f"expected {self._at} bits, found {self._bits.size}")
        return self._bits[first : self._at]

    def integers(self, count: int, width: int) -> np.ndarray:
        """(count,) int64 >= 0 of so many bits each, the highest first."""
        planes = self.flags(count * width).reshape(count, width)
        return np.asarray(planes @ (np.int64(1) << np.arange(width - 1, -1, -1, dtype=np.int64)), np.int64)

    def rice(self, low_bits: np.ndarray) -> np.ndarray:
        """Rice codes: a plane of flags "larger than 0", one "larger than 1" of those, ...; then planes of low bits.

        Args:
            low_bits: (n,) integers, how many low bits each value has.

        Returns:
            (n,) int64 >= 0.
        """
        high = np.zeros(low_bits.size, np.int64)
        going = np.arange(low_bits.size)
        for _ in range(MAX_UNARY):
            if not going.size:
                break
            going = going[self.flags(going.size)]
            high[going] += 1
        else:
            raise ValueError(f"expected values under {MAX_UNARY} steps, found a larger one")
        low = np.zeros_like(high)
        for plane in range(int(low_bits.max(initial=0))):
            with_bit = np.flatnonzero(low_bits > plane)
            low[with_bit] |= self.flags(with_bit.size).astype(np.int64) << plane
        return np.asarray((high << low_bits) | low)

    def signed(self, low_bits: np.ndarray) -> np.ndarray:
        """`rice` of 0, -1, 1, -2, 2, ... as 0, 1, 2, 3, 4, ..."""
        zigzag = self.rice(low_bits)
        return np.asarray((zigzag >> 1) ^ -(zigzag & 1))
