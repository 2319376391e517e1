"""The signal: one lightmap over a day."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

HOURS_PER_DAY = 24.0


@dataclass(frozen=True)
class Day:
    """One lightmap at every stored time of a day.

    Attributes:
        radiance: (T, H, W, 3) float32. Codes 0..255 for `transfer == "srgb8"`, linear radiance >= 0 for `"linear"`.
        valid: (H, W) bool, True where a texel belongs to a surface; the others may hold anything.
        hours: (T,) float64, ascending in [0, 24).
        transfer: `"srgb8"` or `"linear"`.
        name: Short name, from the folder.
        source_bytes: Size of the files the frames were read from, in bytes.
        warnings: One line each, for the user.
    """

    radiance: np.ndarray
    valid: np.ndarray
    hours: np.ndarray
    transfer: str
    name: str
    source_bytes: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def n_frames(self) -> int:
        """T, the number of stored times."""
        return int(self.radiance.shape[0])

    @property
    def height(self) -> int:
        """H, rows."""
        return int(self.radiance.shape[1])

    @property
    def width(self) -> int:
        """W, columns."""
        return int(self.radiance.shape[2])

    def read(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """The (T, h, w, 3) values of a rectangle and its (h, w) bool valid texels, see `TileSource`."""
        return self.radiance[:, rows, columns], self.valid[rows, columns]

    def compact(self) -> Day:
        """The same day in a quarter of the memory: `radiance` in uint8, where that holds all its codes."""
        codes = self.radiance.astype(np.uint8) if self.transfer == "srgb8" else self.radiance
        return replace(self, radiance=codes) if all(map(np.array_equal, codes, self.radiance)) else self

    def frame_at(self, time_h: float) -> int:
        """Index of the stored time nearest to `time_h` on the 24-hour circle."""
        distance = np.abs(self.hours - time_h % HOURS_PER_DAY)
        return int(np.argmin(np.minimum(distance, HOURS_PER_DAY - distance)))
