"""Encoder of adaptive bits; decompressor/adaptive_bits.py reads them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from todpack.decompressor.adaptive_bits import WHOLE, Model
from todpack.decompressor.integer_array import MOST_ITEMS, Planes, planes_of


class AdaptiveEncoder:
    """Takes bits; `finish` gives their bytes."""

    def __init__(self) -> None:
        self._out = bytearray()
        self._low, self._range = 0, (1 << 32) - 1

    def bit(self, model: Model | None, value: int = 0) -> int:
        """Encode a bit by a model, or None where 0 and 1 are alike; returns it."""
        value = int(value)
        bound = (self._range >> 16) * (WHOLE // 2 if model is None else model.probability)
        if value:
            self._range = bound
        else:
            self._low += bound
            self._range -= bound
        while self._range < 1 << 24:
            self._shift()
            self._range <<= 8
        if model is not None:
            model.learn(value)
        return value

    def _shift(self) -> None:
        """Move the highest byte of `low` out, and what it carries."""
        if self._low >> 32:
            at = len(self._out) - 1
            while self._out[at] == 0xFF:
                self._out[at] = 0
                at -= 1
            self._out[at] += 1
        self._out.append(self._low >> 24 & 0xFF)
        self._low = (self._low & 0xFFFFFF) << 8

    def finish(self) -> bytes:
        """All bytes, but for zeros at the end."""
        end = self._low + self._range
        for n_zeros in (32, 24, 16, 8, 0):  # the roundest number that still decodes to the same
            mask = (1 << n_zeros) - 1
            rounded = (self._low + mask) & ~mask
            if rounded < end:
                break
        self._low = rounded
        for _ in range(4):
            self._shift()
        return bytes(self._out).rstrip(b"\0")


def pack_integers(values: NDArray[np.int64]) -> bytes | None:
    """An array for `integer_array.unpack_integers`; None where it has too many integers, or too large ones."""
    if values.size > MOST_ITEMS or not values.size or np.abs(np.cumsum(np.abs(values), axis=-1)).max() >= 1 << 30:
        return None
    shape = planes_of(values.shape)
    coder, planes = AdaptiveEncoder(), Planes()
    for plane in values.reshape(shape):
        sums = np.cumsum(plane, axis=1)
        before = np.pad(sums, ((0, 0), (1, 0)))[:, :-1]
        costs = [np.log2(1 + np.abs(sums - told)).sum() for told in (before, (before + 1) >> 1, 0 * before)]
        planes.walk(coder, plane.tolist(), int(np.argmin(costs)))
    return coder.finish()
