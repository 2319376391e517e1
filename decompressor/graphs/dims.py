"""Dimensions and shapes of a graph's values, as far as they are known before a run. FORMAT.md "Graphs".

Frames and regions come in all sizes, so a dimension is a monomial c h^i w^j of the rows h and columns w of a run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import InvalidGraphError


class Dim(NamedTuple):
    """c h^rows w^columns."""

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
