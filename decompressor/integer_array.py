"""Arrays of small integers in adaptive bits. FORMAT.md "Integer arrays"."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import c_module
from .adaptive_bits import AdaptiveCoder, AdaptiveDecoder, Integers, Model, half_octave
from .bits import EntropyError

MOST_ITEMS = 1 << 20
MOST_NEIGHBORHOOD = 15
FIRST_SIGN, OTHER_SIGNS = 0, 2
"""Classes of the signs of a first row, and of others where the rest above is 0."""


class Planes:
    """Models of an array's planes, which learn from one to the next."""

    def __init__(self) -> None:
        self._rests, self._modes = Integers(), (Model(), Model())

    def walk(self, coder: AdaptiveCoder, rows: Sequence[list[int]], mode: int = 0) -> None:
        """Code the rows of a plane; a decoder puts them there.

        Along a row the integers add up, and each sum is predicted by the one before.

        Args:
            coder: Where they go or come from.
            rows: Integers.
            mode: 0: by the whole of the sum before, which leaves the integers themselves; 1: by half of it; 2: by 0,
                which leaves the sums.
        """
        mode = coder.bit(self._modes[1], mode > 1) + 1 if coder.bit(self._modes[0], mode > 0) else 0
        above: list[int] = []
        for row in rows:
            rests, total = [0, 0], 0  # two zeros before the row
            first_kind = MOST_NEIGHBORHOOD + 1 if above else 0
            for i, value in enumerate(row):
                predicted = (total, (total + 1) >> 1, 0)[mode]
                over = above[i + 2] if above else 0
                energy = 2 * abs(rests[-1]) + abs(rests[-2]) + 2 * abs(over)
                kind = first_kind + half_octave(energy, MOST_NEIGHBORHOOD)
                sign = OTHER_SIGNS + (over > 0) - (over < 0) if above else FIRST_SIGN
                rests.append(self._rests.integer(coder, kind, sign, total + value - predicted))
                row[i] = predicted + rests[-1] - total
                total = predicted + rests[-1]
            above = rests


def planes_of(shape: Sequence[int]) -> tuple[int, int, int]:
    """Planes, rows and columns of an array."""
    rows, columns = (1, 1, *shape)[-2:]
    return math.prod(shape[:-2]), rows, columns


def unpack_integers(data: bytes, shape: Sequence[int]) -> NDArray[np.int64]:
    """Decode an array; its integers have 33 bits at most, but for damaged data.

    Raises:
        EntropyError: more than MOST_ITEMS integers.
    """
    n_planes, n_rows, n_columns = planes_of(shape)
    if n_planes * n_rows * n_columns > MOST_ITEMS:
        raise EntropyError(f"expected at most {MOST_ITEMS} integers in adaptive bits, found {list(shape)}")
    if 0 in shape:  # no integers, whatever the other sides
        return np.zeros(shape, np.int64)
    if c_module.IS_BUILT:
        return np.frombuffer(c_module.native.unpack_integers(data, n_planes, n_rows, n_columns), np.int64).reshape(
            shape
        )
    coder, planes = AdaptiveDecoder(data), Planes()
    out = [[[0] * n_columns for _ in range(n_rows)] for _ in range(n_planes)]
    for rows in out:
        planes.walk(coder, rows)
    return np.array(out, np.int64).reshape(shape)
