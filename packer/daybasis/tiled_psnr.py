"""The contest's PSNR of a coded day, from the coder's own values: mean over 256 x 256 tiles and times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .radiance import MEASURE_TILE, Coding
from .tiles import Tile

EXACT_DB = 200.0  # stands for a tile without any error


def tiled_psnr_db(tiles: Sequence[Tile], values: np.ndarray, coding: Coding) -> np.ndarray:
    """PSNR of each tile and time that takes part (eval.metrics.psnr_linear_db is their mean).

    Args:
        tiles: Of one lightmap, those with a valid texel; `days` in the coding domain.
        values: (N, 3T) decoded values in the stored domain, tile after tile.
        coding: Of the day.

    Returns:
        (T, n) decibels, NaN where a tile is black.
    """
    numbers, found = _measure_tiles(tiles)
    n_tiles, counts = len(found), np.bincount(numbers)
    days = [tile.days for tile in tiles]
    out = np.full((len(coding.frame_scales), n_tiles), np.nan)
    for t, scale in enumerate(coding.frame_scales):
        columns = slice(3 * t, 3 * t + 3)
        original = coding.unbend(np.concatenate([d[:, columns] for d in days]) / np.float32(scale))
        error = (coding.unbend(values[:, columns]) - original).astype(np.float64)
        peaks = np.zeros(n_tiles)
        np.maximum.at(peaks, numbers, original.max(axis=1))
        mse = np.bincount(numbers, (error * error).sum(axis=1), n_tiles) / (3 * counts)
        lit = peaks > 0
        floor = peaks[lit] ** 2 * 10 ** (-EXACT_DB / 10)
        out[t, lit] = 10 * np.log10(peaks[lit] ** 2 / np.maximum(mse[lit], floor))
    return out


def _measure_tiles(tiles: Sequence[Tile]) -> tuple[np.ndarray, np.ndarray]:
    """Number of the measuring tile of each valid texel, counted over those in use; and their places."""
    places = []
    for tile in tiles:
        assert tile.pyramid is not None
        rows, columns = np.nonzero(tile.pyramid.valid)
        row, column = (rows + tile.rows.start) // MEASURE_TILE, (columns + tile.columns.start) // MEASURE_TILE
        places.append(row * (1 << 20) + column)
    found, numbers = np.unique(np.concatenate(places), return_inverse=True)
    return numbers, found
