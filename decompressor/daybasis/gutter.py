"""Texels outside the mask take the maps of the nearest valid one, so that lookups across a chart's border find no seam.

FORMAT.md "Gutters".
"""

from __future__ import annotations

import numpy as np

REACH = 16
"""Texels farther than this from every valid texel of their tile are left as they are."""
FAR = np.iinfo(np.int64).max


def nearest_valid(valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest valid texel of every invalid one that has any within REACH.

    Nearest by the squared Euclidean distance; of several, the one in the upper row, then in the left column.

    Args:
        valid: (h, w) bool, of one tile.

    Returns:
        gutter (N,) and source (N,), int64 indices into the raveled tile: texels to fill, and what each takes.
    """
    height, width = valid.shape
    rows = np.arange(height, dtype=np.int32)[:, None]
    never = np.int32(height + REACH + 1)
    # nearest valid row in the same column, at or above, and at or below; the one above wins a draw
    above = np.maximum.accumulate(np.where(valid, rows, -never), axis=0)
    below = np.minimum.accumulate(np.where(valid, rows, never)[::-1], axis=0)[::-1]
    nearest = np.where(rows - above <= below - rows, above, below).ravel()
    gutter = np.flatnonzero(~valid)
    best = np.full(gutter.shape, FAR)
    looking = np.arange(gutter.size)  # those that a column farther away may still be nearer to
    for shift in range(REACH + 1):
        looking = looking[best[looking] >= shift**2 * valid.size]
        y, x = np.divmod(gutter[looking], width)
        for step in {-shift, shift}:
            inside = np.flatnonzero((x + step >= 0) & (x + step < width))
            texels = looking[inside]
            row = nearest[gutter[texels] + step].astype(np.int64)
            distance = (row - y[inside]) ** 2 + step**2
            # in the order of the distance, then of the source's index, which is by row, then by column
            key = np.where(distance <= REACH**2, distance * valid.size + row * width + x[inside] + step, FAR)
            best[texels] = np.minimum(best[texels], key)
    found = best < FAR
    return gutter[found], best[found] % valid.size


def dilate(maps: np.ndarray, valid: np.ndarray) -> None:
    """Give gutter texels the maps of their nearest valid texel, in place.

    Args:
        maps: (K, h, w) of one tile.
        valid: (h, w) bool.
    """
    gutter, source = nearest_valid(valid)
    flat = maps.reshape(len(maps), -1)
    for values in flat:
        values[gutter] = values[source]
