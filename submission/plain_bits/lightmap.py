"""One lightmap as a file of plain bits, for graders that allow no general-purpose compressor. FORMAT.md has the format.

What is stored and what it decodes to is the archive's, only packed otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from todpack.decompressor.daybasis.temporal.ramps import HOURS_PER_DAY, gap_lengths

from .header import CURVES, memory_for
from .opened import PlainFile
from .tables import Tables


class Times:
    """The matrix of any time, and what becomes of its product with the maps.

    Args:
        tables: What all texels share.
        places: (n, 2) int64 stored time and texel, counted row by row, of what is stored as it is.
        values: (n, 3) float32 radiance there.
    """

    def __init__(self, tables: Tables, places: np.ndarray, values: np.ndarray) -> None:
        self._tables, self._places, self._values = tables, places, values
        self.hours, self.curve, self.knee = tables.hours, CURVES[tables.header.curve], tables.header.knee

    def outliers(self, time_h: float) -> tuple[np.ndarray, np.ndarray]:
        """(m,) texels, counted row by row, and (m, 3) float32 radiance that they have at this time, whatever else.

        Args:
            time_h: Hours in [0, 24].
        """
        times = self.hours.astype(np.float32)
        found = times[self._places[:, 0]] == np.float32(time_h % HOURS_PER_DAY)
        return self._places[found, 1], self._values[found]

    def affine(self, time_h: float) -> tuple[np.ndarray, np.ndarray]:
        """Matrix (3, K) and offset (3, 1) at a time, float32.

        Args:
            time_h: Hours in [0, 24].
        """
        time, hours, tables = np.float32(time_h), self.hours.astype(np.float32), self._tables
        if time < hours[0]:
            time += np.float32(HOURS_PER_DAY)
        u = np.clip((time - hours) / gap_lengths(self.hours), np.float32(0), np.float32(1))
        rest = np.float32(1) - u
        ramps = np.concatenate([u, u * rest * rest, u * rest * u])
        values = np.rint((ramps @ tables.steps + tables.first) / tables.grid) * tables.grid
        n = tables.header.n_maps
        return values[: 3 * n].reshape(3, n), values[3 * n :].reshape(3, 1)

    def radiance(self, maps: np.ndarray, time_h: float) -> np.ndarray:
        """(..., 3) float32 linear radiance of maps (K, ...) at a time, but for outliers; as of `Interface.py`."""
        matrix, offset = self.affine(time_h)
        values = matrix @ maps.reshape(len(maps), -1) + offset
        with np.errstate(over="ignore"):  # of a file that overflows
            if self.curve == "exp":
                values = np.exp(values) - np.float32(self.knee)
            radiance = np.maximum(values, 0)
            if self.curve == "square":
                radiance *= radiance
        return np.asarray(radiance.T.reshape(*maps.shape[1:], 3))


@dataclass(frozen=True)
class PlainLightmap:
    """A lightmap ready to be evaluated at any time.

    Attributes:
        maps: (K, H, W) float32.
        times: Their matrices.
    """

    maps: np.ndarray
    times: Times

    def radiance(self, time_h: float) -> np.ndarray:
        """(H, W, 3) float32 linear radiance at a time."""
        frame = self.times.radiance(self.maps, time_h)
        texels, outliers = self.times.outliers(time_h)
        frame.reshape(-1, 3)[texels] = outliers
        return frame


def read_lightmap(path: Path, is_native: bool | None = None) -> PlainLightmap:
    """Read and decode one lightmap.

    Args:
        path: The file.
        is_native: Whether by the native core, None: where it is there.

    Raises:
        OSError: there is no such file.
        ValueError: it is not such a file, or it is cut off; or its maps take more memory than a file of its size may.
    """
    file = PlainFile(path, is_native)
    header = file.header
    if header.memory_bytes(header.height * header.width) > memory_for(file.n_bytes):
        raise ValueError(f"{path}: expected a lightmap of plain bits, found numbers in its header that none has")
    maps = np.zeros((header.n_maps, header.height, header.width), np.float32)
    for place, tile in file.tiles():
        place.cut(maps)[...] = tile
    return PlainLightmap(maps, times_of(file))


def times_of(file: PlainFile) -> Times:
    """Of a file whose tiles were all read."""
    return Times(file.tables, *file.outliers())
