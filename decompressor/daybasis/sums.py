"""Sums of products A z + b: whether every order gives the same float32, and the one order where they do not.

FORMAT.md "Sums".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .. import c_module
from ..cached import cached_property
from ..forks import multiplying
from .entry import MOST_PRODUCTS
from .products import SMALL_PRODUCT, multiply

MANTISSA_BITS = 24
SNAP_BITS = 22  # magnitudes of maps, in their steps, that rounding to the grid holds for
TIE = 0.501
CUBIC_REACH = 4 / 27  # the largest u (1 - u)^2 of 0..1
STRIP_VALUES = 1 << 18
MARGIN = 1.0 + 2.0**-10  # for the sums of magnitudes themselves, which are rounded


@dataclass(frozen=True)
class Reach:
    """How large entries of A(t) and b(t) get at any time.

    Attributes:
        rows: (R, K) float32, such that |A(t)| <= one of the rows in every channel, at any time.
        offset: The largest |b(t)|.
        peaks: (K,) float32, the largest of each column.
        is_told_apart: Whether float32 has the differences of all entries of a column: A(t) is the same by any way.
    """

    rows: np.ndarray
    offset: float
    peaks: np.ndarray
    is_told_apart: bool = True

    @cached_property
    def groups(self) -> np.ndarray:
        """(G, K) float32, the largest of each column in each of G groups of rows, of times near to each other."""
        n = max(1, round(len(self.rows) ** 0.5))
        return np.maximum.reduceat(self.rows, np.arange(0, len(self.rows), n), axis=0)


def reach_of(values: np.ndarray, table: np.ndarray, grid: np.ndarray) -> Reach:
    """Of stored values and their ramps.

    Args:
        values: (T, 3K + 3), A in rows of channels, then b, at the stored times.
        table: (3T, 3K + 3) rows D, E, F of `ramps.ramp_table`.
        grid: (3K + 3,) steps of the columns.
    """
    n_hours, n_columns = values.shape
    size = np.abs(values)
    bend = CUBIC_REACH * np.abs(table[n_hours:]).reshape(2, n_hours, n_columns).sum(0)
    rows = np.maximum(size, np.roll(size, -1, axis=0)) + bend
    rows = np.floor(rows / grid + TIE) * grid  # as A(t) is rounded, wherever it lies near a tie
    matrix = rows[:, :-3].reshape(3 * n_hours, -1).astype(np.float32)
    spread = (values.max(axis=0) - values.min(axis=0)) / grid
    return Reach(matrix, float(rows[:, -3:].max()), matrix.max(0), bool(spread.max() <= 2**MANTISSA_BITS))


def are_exact(maps: np.ndarray, reach: Reach, exponents: np.ndarray, precision: int) -> bool:
    """Whether all sums of a tile are exact in float32, whatever their order, as far as can be told in little time.

    Products are multiples of 2^-P; sums whose magnitudes stay under 2^(24 - P) lose nothing.

    Args:
        maps: (K, h, w) float32, rounded to their grids.
        reach: Of the lightmap.
        exponents: (K + 1,), see FORMAT.md "daybasis".
        precision: P.
    """
    if exponents[-1] < -precision or not reach.is_told_apart:
        return False
    steps = np.ldexp(1.0, SNAP_BITS - precision - exponents[:-1])
    largest = np.maximum(maps.max(axis=(1, 2)), -maps.min(axis=(1, 2)))
    room = 2.0 ** (MANTISSA_BITS - precision) / MARGIN - reach.offset
    if (largest >= steps).any():
        return False
    if _product(reach.peaks.astype(np.float64), largest) <= room:
        return True
    columns, most = maps.reshape(len(maps), -1), MOST_PRODUCTS * maps[0].size
    n_beyond = sum(sizes.shape[1] for sizes in _beyond(columns, reach.peaks, room))
    # where all rows would take too long, the largest of some rows first: few columns may go beyond all of these
    passes = (reach.rows,) if reach.rows.size * n_beyond <= most else (reach.groups, reach.rows)
    chunk = max(1, SMALL_PRODUCT // reach.rows.size)
    n_products = 0
    for sizes in _beyond(columns, reach.peaks, room):
        for rows in passes:
            n_products += rows.size * sizes.shape[1]
            if n_products > most:
                return False
            parts = [sizes[:, first : first + chunk] for first in range(0, sizes.shape[1], chunk)]
            sizes = np.concatenate([part[:, _largest(rows, part) > room] for part in parts], axis=1) if parts else sizes
        if sizes.shape[1]:
            return False
    return True


def _beyond(columns: np.ndarray, peaks: np.ndarray, room: float) -> Iterator[np.ndarray]:
    """(K, n) sizes of the columns that may go beyond, strip by strip: maps may be most of the memory that there is."""
    strip = max(1, STRIP_VALUES // len(columns))
    for left in range(0, columns.shape[1], strip):
        sizes = np.abs(columns[:, left : left + strip])
        yield sizes[:, np.einsum("k,kn->n", peaks, sizes) > room]


def _largest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) the largest of each column of a small product."""
    with multiplying.raw:
        return np.asarray((a @ b).max(axis=0))


def _product(a: np.ndarray, b: np.ndarray) -> float:
    """The largest item of a small product."""
    with multiplying.raw:
        return float((a @ b).max())


def exact_sums(matrix: np.ndarray, columns: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """(3, n) float32 A z + b of (K, n) columns, whose sums are exact in any order."""
    out = np.empty((len(matrix), columns.shape[1]), np.float32)
    multiply(matrix, columns, out)
    out += offset[:, None]
    return out


def in_order(matrix: np.ndarray, offset: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """(3, ...) float32 A z + b of (K, ...) maps: products and sums in float64, map by map, b last, then rounded."""
    out = np.empty((3, *maps.shape[1:]), np.float32)
    for channel, row in enumerate(matrix):
        total = np.zeros(maps.shape[1:])
        for entry, values in zip(row.astype(np.float64), maps, strict=True):
            total += entry * values
        with np.errstate(over="ignore"):
            out[channel] = total + np.float64(offset[channel])
    return out


def apply_curve(values: np.ndarray, curve: str, knee: np.float32) -> np.ndarray:
    """FORMAT.md "Curve", of contiguous float32, in place; exp as the native core has it, where that is there."""
    if curve == "square":
        np.maximum(values, 0, out=values)
        with np.errstate(over="ignore"):
            values *= values
    elif curve == "exp":
        if c_module.IS_BUILT:
            c_module.native.exponentials(values)
        else:
            with np.errstate(over="ignore"):
                np.exp(values, out=values)
        values -= knee
        np.maximum(values, 0, out=values)
    return values
