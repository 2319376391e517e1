"""Measure an archive against its day, by the decoder itself, tile by tile."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from todpack.decompressor.archive import Archive
from todpack.decompressor.grid import Place, TileGrid
from todpack.frames.psnr import psnr_db

from .fireflies import CalmDay
from .radiance import MEASURE_TILE
from .tiles import DayTiles

EXACT_DB = 200.0  # stands for a measuring tile without any error


@dataclass(frozen=True)
class Measured:
    """How near an archive comes to its day at the stored times.

    Attributes:
        psnr_db: Of 8-bit signals over all valid texels, channels and times (`psnr_srgb_db`); of linear radiance the
            contest's mean over measuring tiles and times (`psnr_linear_db`). docs/contest.md "Measures".
        frame_mse: (T,) mean squared error of each time over valid texels and channels, in the coding domain.
    """

    psnr_db: float
    frame_mse: np.ndarray


def measure(archive: Archive, tiles: DayTiles, on_tile: Callable[[], object] = lambda: None) -> Measured:
    """Decode every tile at every stored time and compare; fireflies, which are exact, do not count.

    Args:
        archive: Of one lightmap.
        tiles: Of its day.
        on_tile: Called after each tile, for progress.
    """
    lightmap, hours = archive.lightmaps[0], tiles.day.hours
    is_linear = tiles.domain is not None
    squares, n_valid = np.zeros(len(hours)), 0
    patches = _Patches(len(hours), tiles) if is_linear else None
    for place in tiles.grid:
        rows, columns = place.rows, place.columns
        originals, valid = tiles.day.read(rows, columns)
        exact = np.zeros((0, 3), np.int64)
        if isinstance(tiles.day, CalmDay):
            exact = np.stack(tiles.day.fireflies.within(rows, columns)[0], axis=1)
        if valid.any():
            n_valid += int(valid.sum())
            region = rows.start, rows.stop, columns.start, columns.stop
            for t, (original, time_h) in enumerate(zip(originals, hours, strict=True)):
                decoded = lightmap.decode(float(time_h), region, "float32" if is_linear else "uint8")
                _, y, x = exact[exact[:, 0] == t].T
                decoded[y, x] = original[y, x]
                decoded = decoded[valid]
                values = original[valid].astype(np.float32)
                if patches is not None:
                    assert tiles.domain is not None
                    patches.add(t, place, valid, decoded, values)
                    scale = np.float32(tiles.domain.frame_scales[t])
                    decoded, values = tiles.domain.bend(decoded) * scale, tiles.domain.bend(values) * scale
                squares[t] += float(np.square(np.subtract(decoded, values, dtype=np.float64)).sum())
        on_tile()
    frame_mse = squares / (3 * n_valid)
    if patches is not None:
        return Measured(patches.psnr_db(), frame_mse)
    mse = float(frame_mse.mean())
    return Measured(psnr_db(mse), frame_mse)


class _Patches:
    """Squared errors and peaks of each measuring tile and time; the coder's tiles need not fit to them."""

    def __init__(self, n_hours: int, tiles: DayTiles) -> None:
        grid = TileGrid(tiles.day.height, tiles.day.width, MEASURE_TILE)
        self._n_columns, shape = grid.shape[1], (n_hours, len(grid))
        self._squares, self._counts, self._peaks = np.zeros(shape), np.zeros(shape), np.zeros(shape)

    def add(self, t: int, place: Place, valid: np.ndarray, decoded: np.ndarray, values: np.ndarray) -> None:
        """Add the valid texels (N, 3) of a tile of the coder at one time."""
        y, x = np.nonzero(valid)
        row, column = (y + place.rows.start) // MEASURE_TILE, (x + place.columns.start) // MEASURE_TILE
        numbers = row * self._n_columns + column
        errors = np.square(np.subtract(decoded, values, dtype=np.float64)).sum(1)
        n = self._squares.shape[1]
        self._squares[t] += np.bincount(numbers, errors, n)
        self._counts[t] += 3 * np.bincount(numbers, minlength=n)
        np.maximum.at(self._peaks[t], numbers, values.max(1))

    def psnr_db(self) -> float:
        """Mean over the measuring tiles that have a valid texel and are not black; NaN where all are."""
        lit = self._peaks > 0
        mse = self._squares[lit] / self._counts[lit]
        peaks = self._peaks[lit] ** 2
        return (
            float(np.mean(10 * np.log10(peaks / np.maximum(mse, peaks * 10 ** (-EXACT_DB / 10)))))
            if lit.any()
            else math.nan
        )
