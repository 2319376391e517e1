"""The tiles of a day in the domain in which it is coded; each is transformed on its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np

from todpack.decompressor.daybasis.transform.pyramid import Pyramid, build_pyramid
from todpack.decompressor.grid import Place, TileGrid
from todpack.frames import TileSource

from .radiance import RadianceDomain
from .transform.klt import TemporalBasis

KEPT_BYTES = 1 << 30
"""Days of up to so many bytes as float32 are kept in memory; of larger ones every pass reads its tiles again."""

MOST_LEVELS, LEAST_LOW = 5, 6
"""Levels of the pyramids where nobody says how many, as long as the low band has so many samples along a side."""


def usual_levels(side: int) -> int:
    """Levels for tiles whose longer side has so many texels."""
    return max(1, next(n for n in range(MOST_LEVELS, -1, -1) if side >> n >= LEAST_LOW or n == 0))


@dataclass(frozen=True)
class Tile:
    """One tile of a day.

    Attributes:
        place: In the lightmap.
        valid: (h, w) bool.
        days: (N, 3T), its valid texels in raster order; column 3 t + c is channel c at time t. float32, or uint8 where
            all values are 8-bit codes.
        n_levels: Levels of its pyramid.
    """

    place: Place
    valid: np.ndarray
    days: np.ndarray
    n_levels: int

    @cached_property
    def pyramid(self) -> Pyramid | None:
        """The transform of the tile's mask; None where no texel is valid."""
        return build_pyramid(self.valid, self.n_levels) if len(self.days) else None

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w) of the tile."""
        return self.place.shape

    def maps(self, basis: TemporalBasis) -> np.ndarray:
        """(K, h, w) float32 coefficients in a basis, 0 at invalid texels."""
        maps = np.zeros((basis.matrix.shape[1], *self.shape), np.float32)
        maps[:, self.valid] = basis.analyze(self.days).T
        return maps


class DayTiles(Sequence[Tile]):
    """All tiles of a day, row by row; the last of a row or column may be smaller.

    Args:
        day: What is read; the same values at every reading.
        side: Of a tile, texels.
        n_levels: Levels of the pyramids; None: `usual_levels`.
        domain: Domain in which linear radiance is coded; None takes the day's values as they are.
    """

    def __init__(
        self, day: TileSource, side: int, n_levels: int | None = None, domain: RadianceDomain | None = None
    ) -> None:
        self.day, self.side, self.domain = day, side, domain
        self.n_levels = n_levels or usual_levels(min(side, max(day.height, day.width)))
        self.grid = TileGrid(day.height, day.width, side)
        self._kept: dict[int, Tile] = {}

    @property
    def is_kept(self) -> bool:
        """Whether tiles stay in memory once they were read."""
        return 12 * len(self.day.hours) * self.day.height * self.day.width <= KEPT_BYTES

    def __len__(self) -> int:
        return len(self.grid)

    @overload
    def __getitem__(self, number: int) -> Tile: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Tile]: ...
    def __getitem__(self, number: int | slice) -> Tile | Sequence[Tile]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        if number in self._kept:
            return self._kept[number]
        tile = self._read(self.grid[number])
        if self.is_kept:
            self._kept[number] = tile
        return tile

    def __iter__(self) -> Iterator[Tile]:
        return (self[number] for number in range(len(self)))

    def _read(self, place: Place) -> Tile:
        values, valid = self.day.read(place.rows, place.columns)
        n_hours = len(values)
        picked = values.reshape(n_hours, -1, 3)[:, np.flatnonzero(valid)]
        kind = np.uint8 if values.dtype == np.uint8 and self.domain is None else np.float32
        days: np.ndarray = np.ascontiguousarray(picked.transpose(1, 0, 2).reshape(-1, 3 * n_hours), kind)
        if self.domain is not None:
            days = self.domain.encode(days)
        elif days.dtype != np.uint8 and days.size and days.min() >= 0.0 and days.max() <= 255.0:
            codes = days.astype(np.uint8)
            days = codes if np.array_equal(codes, days) else days
        return Tile(place, np.ascontiguousarray(valid), days, self.n_levels)
