"""Texels outside the mask take the maps of the nearest valid one, so that lookups across a chart's border find no seam.

FORMAT.md "Gutters".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

REACH = 16
"""Texels farther than this from every valid texel of their tile are left as they are."""
FAR = np.iinfo(np.int64).max
_STRIP_TEXELS = 1 << 14  # looked at at a time, which bounds the memory


def nearest_valid(valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest valid texel of every invalid one that has any within REACH.

    Nearest by the squared Euclidean distance; of several, the one in the upper row, then in the left column.

    Args:
        valid: (h, w) bool, of one tile.

    Returns:
        gutter (N,) and source (N,), int64 indices into the raveled tile: texels to fill, and what each takes.
    """
    gutters, sources = zip(*_nearest_by_strips(valid), strict=True)
    return np.concatenate(gutters), np.concatenate(sources)


def _nearest_by_strips(valid: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Some rows of `nearest_valid` after others."""
    height, width = valid.shape
    rows = np.arange(height, dtype=np.int32)[:, None]
    never = np.int32(height + REACH + 1)
    # nearest valid row in the same column, at or above, and at or below; the one above wins a draw
    above, below = np.where(valid, rows, -never), np.where(valid, rows, never)
    np.maximum.accumulate(above, axis=0, out=above)
    np.minimum.accumulate(below[::-1], axis=0, out=below[::-1])
    n_rows = max(1, _STRIP_TEXELS // width)
    for top in range(0, height, n_rows):
        strip = slice(top, min(top + n_rows, height))
        over, under = above[strip], below[strip]
        nearest = np.where(rows[strip] - over <= under - rows[strip], over, under).ravel()
        yield _nearest(valid[strip], nearest, top, valid.size)


def _nearest(valid: np.ndarray, nearest: np.ndarray, top: int, n_texels: int) -> tuple[np.ndarray, np.ndarray]:
    """Of a strip.

    Args:
        valid: (h, w) bool, of the strip.
        nearest: (h w,) nearest valid row of the tile in the column of each texel.
        top: Row of the strip in the tile.
        n_texels: Of the tile.
    """
    width = valid.shape[1]
    gutter = np.flatnonzero(~valid)
    best = np.full(gutter.shape, FAR)
    looking = np.arange(gutter.size)  # those that a column farther away may still be nearer to
    for shift in range(REACH + 1):
        looking = looking[best[looking] >= shift**2 * n_texels]
        y, x = np.divmod(gutter[looking], width)
        for step in {-shift, shift}:
            inside = np.flatnonzero((x + step >= 0) & (x + step < width))
            texels = looking[inside]
            row = nearest[gutter[texels] + step].astype(np.int64)
            distance = (row - top - y[inside]) ** 2 + step**2
            # in the order of the distance, then of the source's index, which is by row, then by column
            key = np.where(distance <= REACH**2, distance * n_texels + row * width + x[inside] + step, FAR)
            best[texels] = np.minimum(best[texels], key)
    found = best < FAR
    return gutter[found] + top * width, best[found] % n_texels


def dilate(maps: np.ndarray, valid: np.ndarray) -> None:
    """Give gutter texels the maps of their nearest valid texel, in place.

    Args:
        maps: (K, h, w) of one tile.
        valid: (h, w) bool.
    """
    flat = maps.reshape(len(maps), -1)
    for gutter, source in _nearest_by_strips(valid):  # what is taken is valid, and stays as it is
        for values in flat:
            values[gutter] = values[source]
