"""Adaptive binary range coder: each bit by a model that learns from the bits before it. FORMAT.md "Adaptive bits".

For what an archive has little of, so that tables of probabilities would cost more than they save: it is serial, and
slow in Python. The same walk over the values serves encoder and decoder: both have `bit`, which takes the value to
encode (a decoder ignores it) and returns what it is.
"""

from __future__ import annotations

from typing import Protocol

WHOLE = 1 << 16
RATES = tuple((2 * WHOLE) // (2 * n + 3) for n in range(61))
"""How far a model moves towards its next bit, over 65536, by how many it has seen."""
MOST_OCTAVES = 31
N_CLASSES, N_SIGNS = 32, 9


class Model:
    """Probability of a bit 1, over 65536, and how many bits were seen, 60 at most."""

    __slots__ = ("probability", "seen")

    def __init__(self) -> None:
        self.probability, self.seen = WHOLE // 2, 0

    def copy_once(self) -> Model:
        """A model that begins with what this one knows, as if it had seen one bit."""
        model = Model()
        model.probability, model.seen = self.probability, min(self.seen, 1)
        return model

    def learn(self, bit: int) -> None:
        """Move towards the bit."""
        rate = RATES[self.seen]
        if bit:
            self.probability += (WHOLE - self.probability) * rate >> 16
        else:
            self.probability -= self.probability * rate >> 16
        if self.seen < len(RATES) - 1:
            self.seen += 1


class AdaptiveCoder(Protocol):
    """An encoder or a decoder."""

    def bit(self, model: Model | None, value: int = 0) -> int:
        """One bit by a model, or None where 0 and 1 are alike."""


class AdaptiveDecoder:
    """Reads bits; beyond the end of the data there are zeros."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 4
        self._range, self._code = (1 << 32) - 1, int.from_bytes(data[:4].ljust(4, b"\0"), "big")

    def bit(self, model: Model | None, value: int = 0) -> int:
        """The next bit; `value` is ignored."""
        del value
        bound = (self._range >> 16) * (WHOLE // 2 if model is None else model.probability)
        bit = int(self._code < bound)
        if bit:
            self._range = bound
        else:
            self._code -= bound
            self._range -= bound
        while self._range < 1 << 24:
            self._range <<= 8
            self._code = self._code << 8 | (self._data[self._at] if self._at < len(self._data) else 0)
            self._at += 1
        if model is not None:
            model.learn(bit)
        return bit


class Integers:
    """Models of integers that are mostly small: 0 or not, the sign, the octave, the bit under its leading one."""

    def __init__(self) -> None:
        self._nonzero, self._signs = [Model() for _ in range(N_CLASSES)], [Model() for _ in range(N_SIGNS)]
        self._octaves = list[list[Model] | None]([None]) * N_CLASSES  # a thousand, few of which are ever asked for
        self._halves = [Model() for _ in range(MOST_OCTAVES + 1)]

    def integer(self, coder: AdaptiveCoder, kind: int, sign: int | None, value: int = 0) -> int:
        """An integer of 32 bits.

        Args:
            coder: Where it goes or comes from.
            kind: Its class, under N_CLASSES.
            sign: Class of its sign, under N_SIGNS; None where it is not negative.
            value: The integer, for an encoder.
        """
        if not coder.bit(self._nonzero[kind], value != 0):
            return 0
        is_negative = sign is not None and coder.bit(self._signs[sign], value < 0)
        octaves = self._octaves[kind]
        if octaves is None:
            octaves = self._octaves[kind] = [Model() for _ in range(MOST_OCTAVES)]
        magnitude, octave = abs(value), 0
        highest = magnitude.bit_length() - 1
        while octave < MOST_OCTAVES and coder.bit(octaves[octave], octave < highest):
            octave += 1
        found = 1
        for place in range(octave - 1, -1, -1):
            model = self._halves[octave] if place == octave - 1 else None
            found = found << 1 | coder.bit(model, magnitude >> place & 1)
        return -found if is_negative else found


def half_octave(magnitude: int, most: int) -> int:
    """Logarithm of 1 + magnitude in halves of an octave, at most `most`."""
    octave = (1 + magnitude).bit_length() - 1
    half = (1 + magnitude) >> (octave - 1) & 1 if octave else 0
    return min(2 * octave + half, most)
