"""The 256 x 256 tiles over which the contest averages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

TILE = 256


def tiles(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """Yield (rows, columns) of each tile, row by row; the last ones of a row or column may be smaller."""
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            yield slice(top, min(top + TILE, height)), slice(left, min(left + TILE, width))


def measured_tiles(original: np.ndarray, valid: np.ndarray) -> Iterator[tuple[slice, slice, float]]:
    """Yield (rows, columns, maximum) of the tiles that take part in the contest's measures.

    Args:
        original: (H, W, 3), one frame of linear radiance.
        valid: (H, W) bool.

    Yields:
        Tiles that have a valid texel and whose maximum over the valid texels is not zero.

    Source: docs/contest.md "Measures".
    """
    for rows, columns in tiles(*valid.shape):
        inside = valid[rows, columns]
        if not inside.any():
            continue
        peak = float(original[rows, columns][inside].max())
        if peak != 0.0:
            yield rows, columns, peak


def mean_or_nan(figures: Sequence[float]) -> float:
    """The plain mean, NaN where there is nothing to average."""
    return math.fsum(figures) / len(figures) if figures else math.nan
