"""A lightmap, or a tile, cut into squares: tiles of the codec, blocks of its regions. FORMAT.md "daybasis"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


def ceil_div(n: int, size: int) -> int:
    """How many pieces of `size` cover `n`."""
    return -(-n // size)


@dataclass(frozen=True)
class Place:
    """One square of a grid; the last ones of a row or column may be smaller.

    Attributes:
        number: Position in the grid, counted row by row.
        rows: Rows of the whole that it covers.
        columns: Columns of the whole that it covers.
    """

    number: int
    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w)."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def cut(self, array: np.ndarray) -> np.ndarray:
        """Its part of an array (..., H, W), a view."""
        part: np.ndarray = array[..., self.rows, self.columns]
        return part


@dataclass(frozen=True)
class TileGrid:
    """(height, width) cut into squares of `side`. Iteration gives the places in the order of their numbers."""

    height: int
    width: int
    side: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of squares."""
        return ceil_div(self.height, self.side), ceil_div(self.width, self.side)

    def __len__(self) -> int:
        n_rows, n_columns = self.shape
        return n_rows * n_columns

    def __iter__(self) -> Iterator[Place]:
        return self.within(0, self.height, 0, self.width)

    def __getitem__(self, number: int) -> Place:
        """The place of a number.

        Raises:
            IndexError: there is none.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"expected a tile in 0..{len(self) - 1}, found {number}")
        return self._place(*divmod(number, self.shape[1]))

    def _place(self, row: int, column: int) -> Place:
        top, left = row * self.side, column * self.side
        rows, columns = slice(top, min(top + self.side, self.height)), slice(left, min(left + self.side, self.width))
        return Place(row * self.shape[1] + column, rows, columns)

    def at(self, y: int, x: int) -> Place:
        """The place that holds row y, column x."""
        return self._place(y // self.side, x // self.side)

    def number_at(self, y: int, x: int) -> int:
        """The number of the place that holds row y, column x."""
        return y // self.side * ceil_div(self.width, self.side) + x // self.side

    def within(self, y0: int, y1: int, x0: int, x1: int) -> Iterator[Place]:
        """Places that the rows y0..y1-1 and columns x0..x1-1 touch."""
        for row in range(y0 // self.side, ceil_div(y1, self.side)):
            for column in range(x0 // self.side, ceil_div(x1, self.side)):
                yield self._place(row, column)
