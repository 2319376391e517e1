"""Dimensions and shapes of a graph's values, as far as they are known before a run. FORMAT.md "Graphs".

Frames and regions come in all sizes, so a dimension is a number, or the rows h or the columns w of a run, or h w: all
of its texels in order. Every value has each of them at most once and nothing that is allowed moves numbers along them,
so what a graph makes of a texel depends on that texel alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import InvalidGraphError


class Dim(NamedTuple):
    """c h^rows w^columns; c = 1 where there is h or w."""

    c: int
    rows: int = 0
    columns: int = 0

    @property
    def fixed(self) -> bool:
        """Whether it is a number."""
        return not (self.rows or self.columns)


ONE = Dim(1)
ROWS, COLUMNS = Dim(1, 1, 0), Dim(1, 0, 1)
Shape = tuple[Dim, ...]


@dataclass(frozen=True)
class Value:
    """A tensor: element type, shape, and its numbers where they are known (int64 vectors)."""

    dtype: int
    shape: Shape
    known: tuple[Dim, ...] | None = None

    @property
    def of_run(self) -> bool:
        """Whether its numbers are sizes of a run: shapes may be made of them, texels may not."""
        return self.known is not None and any(not d.fixed for d in self.known)


Layout = tuple[tuple[str, ...], tuple[int, ...]]


def layout(shape: Shape) -> Layout:
    """The sides that are texels in their order, and how many items lie before, between and behind them."""
    sides: list[str] = []
    items = [1]
    for dim in shape:
        items[-1] *= dim.c
        for name, times in (("rows", dim.rows), ("columns", dim.columns)):
            sides += [name] * times
            items += [1] * times
    return tuple(sides), tuple(items)


def product(dims: Sequence[Dim]) -> Dim:
    """Items of a shape."""
    return Dim(math.prod(d.c for d in dims), sum(d.rows for d in dims), sum(d.columns for d in dims))


def _same_or_one(a: Dim, b: Dim) -> Dim:
    if a != b and ONE not in (a, b):
        raise InvalidGraphError("shapes do not go together")
    return b if a == ONE else a


def broadcast(*shapes: Shape) -> Shape:
    """The shape that these have together.

    Raises:
        InvalidGraphError: they do not go together.
    """
    out: Shape = ()
    for shape in shapes:
        longer, shorter = (shape, out) if len(shape) > len(out) else (out, shape)
        padded = (ONE,) * (len(longer) - len(shorter)) + shorter
        out = tuple(_same_or_one(a, b) for a, b in zip(longer, padded, strict=True))
    return out
