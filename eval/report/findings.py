"""What the report finds in the frames: the worst texels and tiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from todpack.decompressor.grid import TileGrid

TILE = 32
N_WORST = 10
_APART = 6  # texels between two of the worst, else one edge would fill the table


def worst_texels(
    original: np.ndarray, decoded: np.ndarray, valid: np.ndarray, hours: np.ndarray
) -> list[dict[str, Any]]:
    """The largest errors of the day, each some texels away from the others.

    Args:
        original: (T, H, W, 3) uint8 codes or float32 radiance.
        decoded: Same shape and type.
        valid: (H, W) bool.
        hours: (T,) hours.

    Returns:
        Largest first: `row`, `column`, `hour`, `original`, `decoded` (RGB) and `error`, the largest of the channels.
    """
    largest = np.full(valid.shape, -1.0)
    frame_of = np.zeros(valid.shape, np.int64)
    for t in range(len(original)):
        error = np.abs(original[t].astype(np.float64) - decoded[t]).max(axis=2)
        larger = error > largest
        largest[larger], frame_of[larger] = error[larger], t
    largest[~valid] = -1.0
    worst: list[dict[str, Any]] = []
    while len(worst) < N_WORST and largest.max() > 0.0:
        row, column = (int(i) for i in np.unravel_index(np.argmax(largest), largest.shape))
        t = int(frame_of[row, column])
        values = {"original": original[t, row, column].tolist(), "decoded": decoded[t, row, column].tolist()}
        worst.append(
            {"row": row, "column": column, "hour": float(hours[t]), **values, "error": float(largest[row, column])}
        )
        largest[max(0, row - _APART) : row + _APART + 1, max(0, column - _APART) : column + _APART + 1] = -1.0
    return worst


def worst_tiles(
    original: np.ndarray, decoded: np.ndarray, valid: np.ndarray, hours: np.ndarray
) -> list[dict[str, Any]]:
    """Squares of `TILE` texels by their root mean square error over valid texels and the whole day, largest first.

    Args:
        original: (T, H, W, 3) uint8 codes or float32 radiance.
        decoded: Same shape and type.
        valid: (H, W) bool.
        hours: (T,) hours.

    Returns:
        `row`, `column` of the upper left texel, `rmse`, and the `hour` that is worst in the tile.
    """
    worst = []
    for place in TileGrid(valid.shape[0], valid.shape[1], TILE):
        inside = place.cut(valid)
        if inside.any():
            square = np.s_[:, place.rows, place.columns]
            mse = np.square((original[square].astype(np.float64) - decoded[square])[:, inside]).mean(axis=(1, 2))
            at = {"row": place.rows.start, "column": place.columns.start}
            worst.append({**at, "rmse": float(np.sqrt(mse.mean())), "hour": float(hours[int(np.argmax(mse))])})
    return sorted(worst, key=lambda tile: -tile["rmse"])[:N_WORST]
