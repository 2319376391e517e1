"""Texels that are orders of magnitude brighter at one hour than anything else, such as path tracers leave.

A few of them set the scale of their whole hour, and cost its other texels tens of decibels. They are taken out of what
is transformed and stored exactly, as outliers: docs/daybasis.md "11. Linear radiance".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from todpack.decompressor.grid import TileGrid
from todpack.decompressor.outliers import FIELDS, MAX_OUTLIERS
from todpack.frames import TileSource

SIDE = 256
"""Of the squares that are looked through, texels; what lies in another square does not count."""
BRIGHTER = 10.0
"""Times the brightest of the rest of the hour, and times the same texel at the hours before and after."""
FEWEST, ONE_IN = 4, 256
"""Texels of a square that may be such at one hour. An outlier takes up to 24 bytes, so 0.75 bits a texel of the hour at
most; without them the hour is coded log2(BRIGHTER) = 3.3 bits too coarsely."""
AROUND, MOST_TOGETHER = 3, 6
"""Of the texels up to 3 rows and columns away so many may be such; more of them are a spot of light that moves."""


@dataclass(frozen=True)
class Found:
    """Fireflies, by hour, row and column.

    Attributes:
        places: (n, 3) int64 stored time, row, column; ascending.
        values: (n, 3) float32 as they were.
        instead: (n, 3) float32 what is coded in their place: the mean of the texels around them.
    """

    places: np.ndarray
    values: np.ndarray
    instead: np.ndarray

    def within(self, rows: slice, columns: slice) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
        """Those of a rectangle: indices (time, row, column) into its values, and what is coded in their place."""
        t, y, x = self.places.T
        inside = (y >= rows.start) & (y < rows.stop) & (x >= columns.start) & (x < columns.stop)
        return (t[inside], y[inside] - rows.start, x[inside] - columns.start), self.instead[inside]


class CalmDay:
    """A day of linear radiance without its fireflies; a `TileSource`.

    Attributes:
        fireflies: What was taken out.
    """

    def __init__(self, day: TileSource, fireflies: Found) -> None:
        self._day, self.fireflies = day, fireflies
        self.name, self.height, self.width = day.name, day.height, day.width
        self.hours, self.transfer = day.hours, day.transfer

    def read(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """See `TileSource`."""
        values, valid = self._day.read(rows, columns)
        at, instead = self.fireflies.within(rows, columns)
        if len(instead):
            values = values.copy()
            values[at] = instead
        return values, valid

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line for the user."""
        places, peaks = self.fireflies.places, self.fireflies.values.max(axis=1)
        worst = int(np.argmax(peaks))
        t, y, x = (int(n) for n in places[worst])
        n_hours = len(np.unique(places[:, 0]))
        return (
            f"{self.name}: {len(places)} texel(s) at {n_hours} hour(s) are over {BRIGHTER:g} times brighter than the "
            f"rest of the hour and than themselves before and after (fireflies?), up to {peaks[worst]:g} at "
            f"{self.hours[t]:g} h, row {y}, column {x}; they are stored exactly, beside the others",
        )

    def stored(self) -> np.ndarray:
        """(n, FIELDS) int32 as the archive stores them."""
        rows = np.empty((len(self.fireflies.places), FIELDS), np.int32)
        rows[:, :3] = self.fireflies.places
        rows[:, 3:] = np.ascontiguousarray(self.fireflies.values, np.float32).view(np.int32)
        return rows


def without_fireflies(day: TileSource) -> TileSource:
    """The day, or if it has fireflies the day without them, a `CalmDay`.

    Raises:
        DataError: it cannot be read.
    """
    if day.transfer != "linear" or isinstance(day, CalmDay):
        return day
    found = [one for place in TileGrid(day.height, day.width, SIDE) for one in _search(day, place.rows, place.columns)]
    if not found:
        return day
    found = sorted(found, key=lambda one: -float(one[1].max()))[:MAX_OUTLIERS]
    found.sort(key=lambda one: one[0])
    places, values, instead = zip(*found, strict=True)
    return CalmDay(day, Found(np.array(places, np.int64), np.stack(values), np.stack(instead)))


def _search(
    day: TileSource, rows: slice, columns: slice
) -> Iterator[tuple[tuple[int, int, int], np.ndarray, np.ndarray]]:
    """(time, row, column), value and substitute of each firefly of a square."""
    values, valid = day.read(rows, columns)
    n_hours, few = len(values), max(FEWEST, int(valid.sum()) // ONE_IN)
    peaks = np.where(valid, values.max(axis=3), 0)
    inside = peaks[:, valid]
    if inside.shape[1] <= few:
        return
    rest = np.partition(inside, -few - 1, axis=1)[:, -few - 1, None, None]
    before_after = np.maximum(np.roll(peaks, 1, axis=0), np.roll(peaks, -1, axis=0))
    hot = peaks > BRIGHTER * np.maximum(rest, before_after)
    for t, y, x in np.argwhere(hot):
        around = slice(max(0, y - AROUND), y + AROUND + 1), slice(max(0, x - AROUND), x + AROUND + 1)
        if int(hot[t][around].sum()) > MOST_TOGETHER:
            continue
        calm = valid[around] & ~hot[t][around]
        if calm.any():
            instead = values[t][around][calm].mean(axis=0)
        else:
            instead = (values[t - 1, y, x] + values[(t + 1) % n_hours, y, x]) / 2
        place = int(t), int(y) + rows.start, int(x) + columns.start
        yield place, np.array(values[t, y, x], np.float32), np.asarray(instead, np.float32)
