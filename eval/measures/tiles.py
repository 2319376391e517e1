"""The 256 x 256 tiles over which the contest averages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from todpack.decompressor.grid import TileGrid

MEASURED_SIDE = 256


def measured_tiles(original: np.ndarray, valid: np.ndarray) -> Iterator[tuple[slice, slice, float]]:
    """Yield (rows, columns, maximum) of the tiles that take part in the contest's measures.

    Args:
        original: (H, W, 3), one frame of linear radiance.
        valid: (H, W) bool.

    Yields:
        Tiles that have a valid texel and whose maximum over the valid texels is not zero.

    Source: docs/contest.md "Measures".
    """
    for place in TileGrid(valid.shape[0], valid.shape[1], MEASURED_SIDE):
        rows, columns, inside = place.rows, place.columns, place.cut(valid)
        if not inside.any():
            continue
        peak = float(original[rows, columns][inside].max())
        if peak != 0.0:
            yield rows, columns, peak


def mean_or_nan(figures: Sequence[float]) -> float:
    """The plain mean, NaN where there is nothing to average."""
    return math.fsum(figures) / len(figures) if figures else math.nan
