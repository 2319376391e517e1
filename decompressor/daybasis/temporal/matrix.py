"""A(t) and b(t) of a lightmap at any time, and the tables from which the graph `frame` makes them.

FORMAT.md "Temporal codes", "Frame graph".
"""

from __future__ import annotations

import numpy as np

from ...cached import cached_property
from ..sums import Reach, reach_of
from .basis_codes import dequantize_basis
from .ramps import HOURS_PER_DAY, gap_lengths, ramp_table

MAX_ENTRY = 2.0**40  # far beyond any light; products with maps stay in float32's range


class TemporalMatrix:
    """The temporal matrix of a lightmap.

    Args:
        codes: (K + 1, 3, T) signed integers, as stored.
        hours: (T,) float64 stored times.
        gap_modes: One letter per gap, see `DayBasisEntry.gap_modes`.
        exponents: (K + 1,) integers.

    Raises:
        ValueError: an entry is too large.
    """

    def __init__(self, codes: np.ndarray, hours: np.ndarray, gap_modes: str, exponents: np.ndarray) -> None:
        n_hours = len(hours)
        matrix, offset = dequantize_basis(codes.transpose(2, 1, 0), exponents)
        self._values = np.concatenate([matrix.reshape(n_hours, -1), offset.reshape(n_hours, 3)], axis=1)
        if np.abs(self._values).max() > MAX_ENTRY:
            raise ValueError(f"an entry is over {MAX_ENTRY:g}")
        self._hours, self._gap_modes = hours, gap_modes
        steps = np.ldexp(1.0, exponents)
        self._grid = np.append(np.tile(steps[:-1], 3), [steps[-1]] * 3).astype(np.float32)

    @cached_property
    def _ramps(self) -> np.ndarray:
        return ramp_table(self._values, self._hours, self._gap_modes)

    @cached_property
    def tables(self) -> dict[str, np.ndarray]:
        """What the graph takes beside z and time_h, float32: `first` (1, 3K + 3), `steps` (3T, 3K + 3) and `grid`."""
        tables = {
            "first": self._values[:1].astype(np.float32),
            "steps": self._ramps.astype(np.float32),
            "grid": self._grid,
        }
        for table in tables.values():
            table.flags.writeable = False  # callers get the same arrays
        return tables

    @cached_property
    def reach(self) -> Reach:
        """How large entries get at any time."""
        return reach_of(self._values, self._ramps, self._grid)

    def at(self, time_h: float) -> np.ndarray:
        """(3K + 3,) float32 at a time: A by rows of channels, then b.

        Ramps are float32; A_i - A_0 and the three terms of the gap are added up in the order of the graph's table, each
        sum of a product rounded to float32 once, as runtimes do that fuse products and sums.
        """
        hours, gaps, n = self._hours.astype(np.float32), gap_lengths(self._hours), len(self._hours)
        time = np.float32(time_h)
        time = time + np.float32(HOURS_PER_DAY) if time < hours[0] else time
        with np.errstate(over="ignore"):  # of times that are next to each other, far behind
            progress = np.append((time - hours) / gaps, np.float32(0.0))
        gap = int(np.argmin(progress >= 1.0))
        gap, u = (gap, max(progress[gap], np.float32(0.0))) if gap < n else (n - 1, np.float32(1.0))
        rest = np.float32(1.0) - u
        product = u * rest
        first, table = self.tables["first"][0], self.tables["steps"].reshape(3, n, -1)[:, gap].astype(np.float64)
        moved = (self._values[gap].astype(np.float32).astype(np.float64) - first).astype(np.float32)
        for ramp, row in zip((u, product * rest, product * u), table, strict=True):
            moved = (np.float64(ramp) * row + moved).astype(np.float32)
        affine: np.ndarray = np.rint((moved + first) / self._grid) * self._grid
        return affine
