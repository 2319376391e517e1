"""A made-up atlas of any size, computed tile by tile: a quarter of its squares is empty, half is plain, a quarter busy.

Plain squares are walls of one color under sky, sun and lamps; busy ones have a texture, a shadow edge that moves with
the hour, and gaps between charts. Everything follows from the texel's coordinates, so any rectangle can be asked for.
"""

from __future__ import annotations

import numpy as np

SQUARE = 512
N_FRAMES = 24
EMPTY, PLAIN, BUSY = 0, 1, 2
KINDS = (EMPTY, PLAIN, BUSY, PLAIN)


def kind_of(row: int, column: int) -> int:
    """Kind of a square, by its row and column."""
    return KINDS[(row * 5 + column * 3 + (row * column) % 7) % 4]


def lights() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(T, 3) sky, sun and lamps."""
    hours = np.arange(N_FRAMES) * (24.0 / N_FRAMES)
    sun = np.maximum(0.0, np.cos((hours - 12.0) * np.pi / 14.0))
    warm = np.stack([0.9 * sun, 0.8 * sun, 0.6 * sun**1.3], axis=1)
    sky = np.stack([0.04 + 0.10 * sun, 0.05 + 0.14 * sun, 0.08 + 0.22 * sun], axis=1)
    is_night = ((hours < 6.0) | (hours > 18.0)).astype(np.float64)
    lamps = is_night[:, None] * np.array([0.5, 0.4, 0.2])
    return sky.astype(np.float32), warm.astype(np.float32), lamps.astype(np.float32)


class SyntheticDay:
    """A `TileSource` of side x side texels."""

    def __init__(self, side: int) -> None:
        self.height = self.width = side
        self.name = f"synthetic_{side}"
        self.hours = np.arange(N_FRAMES) * (24.0 / N_FRAMES)

    def read(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """See `TileSource`."""
        codes = np.zeros((N_FRAMES, rows.stop - rows.start, columns.stop - columns.start, 3), np.uint8)
        valid = np.zeros(codes.shape[1:3], bool)
        for row in range(rows.start // SQUARE, -(-rows.stop // SQUARE)):
            for column in range(columns.start // SQUARE, -(-columns.stop // SQUARE)):
                y0, y1 = max(rows.start, row * SQUARE), min(rows.stop, (row + 1) * SQUARE)
                x0, x1 = max(columns.start, column * SQUARE), min(columns.stop, (column + 1) * SQUARE)
                place = slice(y0 - rows.start, y1 - rows.start), slice(x0 - columns.start, x1 - columns.start)
                _fill(codes[:, place[0], place[1]], valid[place], kind_of(row, column), row, column, y0, x0)
        return codes, valid


def _fill(codes: np.ndarray, valid: np.ndarray, kind: int, row: int, column: int, top: int, left: int) -> None:
    """Write the texels of one square from row `top` and column `left` on."""
    if kind == EMPTY:
        return
    y = np.arange(top, top + valid.shape[0], dtype=np.float32)[:, None]
    x = np.arange(left, left + valid.shape[1], dtype=np.float32)[None]
    color = 0.35 + 0.25 * np.sin(np.float32(row * 1.7 + column * 0.9) + np.arange(3, dtype=np.float32))
    facing = 0.75 + 0.25 * np.sin((y + x) * np.float32(np.pi / 700))
    near_lamp = 1 / (1 + ((y % 256 - 128) ** 2 + (x % 256 - 128) ** 2) / 4000)
    valid[...] = True
    albedo = np.broadcast_to(color, (*valid.shape, 3))
    across = None
    if kind == BUSY:
        grain = 0.6 + 0.25 * np.sin(y / 3.1) * np.sin(x / 4.3) + 0.15 * np.sin(x * y * np.float32(0.013))
        albedo = albedo * grain[..., None]
        across = (x % SQUARE + np.float32(0.4) * (y % SQUARE)) / np.float32(1.4 * SQUARE)
        valid[...] = (y % 128 >= 3) & (x % 96 >= 3)
    sky, sun, lamps = lights()
    values = np.empty((*valid.shape, 3), np.float32)
    for t in range(N_FRAMES):
        lit = facing if across is None else facing * np.clip((across - np.float32(t / N_FRAMES)) * 40, 0, 1)
        for c in range(3):
            np.multiply(albedo[..., c], sky[t, c] + sun[t, c] * lit + lamps[t, c] * near_lamp, out=values[..., c])
        np.clip(values * 255, 0, 255, out=values)
        codes[t] = values
        codes[t][~valid] = 0
