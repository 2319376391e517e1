"""Texels of single hours that are stored as they are, since coding them costs the others. FORMAT.md "Outliers"."""

from __future__ import annotations

import numpy as np

from .counted_sections import CountedSections
from .metadata import ArchiveEntry, LightmapEntry
from .pixels import PixelFormat
from .turns import Turn

MAX_OUTLIERS = (1 << 16) - 1
FIELDS = 6
"""Integers of an outlier: stored time, row, column, and the bits of three float32 values."""

Region = tuple[int, int, int, int]


def without(n_outliers: int) -> str:
    """In words, for what cannot hold them; nothing where there are none."""
    return f", without {n_outliers} outlier{'s'[: n_outliers - 1]} of the archive" if n_outliers else ""


class Outliers:
    """The outliers of a lightmap, read when they are first needed.

    Args:
        sections: The archive's.
        archive: Its shared fields.
        lightmap: Which lightmap.
        turn: Of all that read outliers.
    """

    def __init__(self, sections: CountedSections, archive: ArchiveEntry, lightmap: LightmapEntry, turn: Turn) -> None:
        self._sections, self._archive, self._lightmap, self._turn = sections, archive, lightmap, turn
        self._times = archive.hours.astype(np.float32)
        self._rows: np.ndarray | None = None

    def read(self) -> np.ndarray:
        """(n, FIELDS) int32, ascending by stored time, row and column; none where the lightmap has no such section.

        Raises:
            ArchiveError: the section is missing or damaged, or holds something else.
        """
        rows = self._rows
        return self._turn.do(self._read_once) if rows is None else rows

    def leave_out(self) -> None:
        """Go on without them."""
        self._rows = np.zeros((0, FIELDS), np.int32)

    def _read_once(self) -> np.ndarray:
        if self._rows is None:
            with self._sections.time.unless_failed():
                self._rows = self._read()
        return self._rows

    def _read(self) -> np.ndarray:
        name = self._lightmap.outliers
        if name is None:
            return np.zeros((0, FIELDS), np.int32)
        if self._archive.transfer != "linear":
            raise self._sections.invalid(name, f"expected linear radiance, found {self._archive.transfer}")
        rows = self._sections.read_array(name)
        if rows.dtype.str != "<i4" or rows.ndim != 2 or rows.shape[1] != FIELDS or len(rows) > MAX_OUTLIERS:
            problem = f"expected i4 of shape [n, {FIELDS}], n up to {MAX_OUTLIERS}, found {rows.dtype}"
            raise self._sections.invalid(name, f"{problem} {list(rows.shape)}")
        ends = len(self._times), self._lightmap.height, self._lightmap.width
        places = rows[:, :3].astype(np.int64)
        inside = ((places >= 0) & (places < ends)).all()
        numbers = (places[:, 0] * ends[1] + places[:, 1]) * ends[2] + places[:, 2]
        values = np.ascontiguousarray(rows[:, 3:]).view(np.float32)
        if not (inside and (np.diff(numbers) > 0).all() and np.isfinite(values).all() and (values >= 0).all()):
            raise self._sections.invalid(name, "expected ascending places in the day and values >= 0, found others")
        return rows

    def any_at(self, time_h: float) -> bool:
        """Whether a texel is an outlier at this time."""
        return self._lightmap.outliers is not None and len(self._at(time_h)) > 0

    def _at(self, time_h: float) -> np.ndarray:
        """Those of a stored time; none between stored times."""
        rows = self.read()
        index = np.flatnonzero(self._times == np.float32(time_h))
        if not index.size:
            return rows[:0]
        first, last = np.searchsorted(rows[:, 0], [index[0], index[0] + 1])
        return rows[first:last]

    def put(self, frame: np.ndarray, time_h: float, region: Region, pixels: PixelFormat) -> None:
        """Put them into a decoded frame.

        Args:
            frame: (h, w, ...) pixels of the region, written in place.
            time_h: Hours in [0, 24).
            region: (y0, y1, x0, x1) of the lightmap.
            pixels: Their format.
        """
        if self._lightmap.outliers is None:
            return
        y0, y1, x0, x1 = region
        rows = self._at(time_h)
        rows = rows[(rows[:, 1] >= y0) & (rows[:, 1] < y1) & (rows[:, 2] >= x0) & (rows[:, 2] < x1)]
        if len(rows):
            values = np.ascontiguousarray(rows[:, 3:]).view(np.float32)
            frame[rows[:, 1] - y0, rows[:, 2] - x0] = pixels.of(values[None], self._archive.transfer)[0]
