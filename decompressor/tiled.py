"""A decoder of any family: maps are made tile by tile, when they are needed, and kept while there is room."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from .bits import OverBudget
from .grid import Place, TileGrid
from .lightmap_file import LightmapFile
from .pixels import PixelFormat
from .tile_cache import Held, TileCache

Part = tuple[slice, slice]
"""Rows and columns of a tile."""
Result = TypeVar("Result")


class TiledDecoder(ABC, Generic[Held]):
    """Decodes one lightmap.

    Args:
        file: The lightmap in its archive.
        tiles: What is made at a time.
    """

    def __init__(self, file: LightmapFile, tiles: TileGrid) -> None:
        self._file, self._tiles = file, tiles
        self._cache: TileCache[Held] = file.runtime.tiles
        self._own = object()  # in the keys of its tiles

    @property
    def _at_once(self) -> int:
        """Tiles that are decoded at once."""
        return self._file.runtime.tiles_at_once

    @abstractmethod
    def _make(self, place: Place) -> Held:
        """What is kept of a tile; threads share it.

        Raises:
            ArchiveError: a section is missing or damaged, or over a limit.
            OverBudget: it takes more memory than its share, and has to be made alone.
        """

    def _make_alone(self, place: Place) -> Held:
        """The same while no other tile is made, in all the memory that is left."""
        return self._make(place)

    @abstractmethod
    def _maps(self, held: Held) -> np.ndarray:
        """(C, h, w) float32 maps of a tile."""

    @abstractmethod
    def _frame(self, held: Held, part: Part, time_h: float, as_rgb8: bool) -> np.ndarray:
        """(h, w, 3) of a part of a tile."""

    def _use(self, place: Place, work: Callable[[Held], Result], keep: bool = True) -> Result:
        """Do some work with a tile. One that is made for it has its turn until that is done: so long it is counted.

        So has one that is found, where there is no room for all.
        """
        key, runtime = (self._own, place.number), self._file.runtime
        held = None if self._cache.is_short else self._cache.find(key)
        if held is not None:
            return work(held)
        with contextlib.suppress(OverBudget):  # an error that is at hand keeps what it was raised among
            turn = runtime.turns.one_of(self._at_once)
            return turn.do(lambda: work(self._cache.get(key, lambda: self._make(place), keep)))
        return runtime.turns.alone(lambda: work(self._cache.get(key, lambda: self._make_alone(place), keep)))

    def prepare(self) -> None:
        """Decode all tiles, several at a time; those that there is room for are kept."""
        self._file.runtime.pool.map(self._visit, range(len(self._tiles)), self._at_once)

    def _visit(self, number: int) -> None:
        self._use(self._tiles[number], lambda _: None)

    def latents(self) -> np.ndarray:
        """(C, H, W) float32, all tiles put together."""
        n_maps = self._use(self._tiles[0], lambda held: len(self._maps(held)))
        maps = np.empty((n_maps, self._tiles.height, self._tiles.width), np.float32)
        for place in self._tiles:
            place.cut(maps)[...] = self._use(place, self._maps)
        return maps

    def decode(
        self, time_h: float, region: tuple[int, int, int, int], pixels: PixelFormat, keep: bool = True
    ) -> np.ndarray:
        """Decode a region.

        Args:
            time_h: Hours in [0, 24).
            region: (y0, y1, x0, x1) inside of the lightmap.
            pixels: Their format.
            keep: Keep the maps of tiles that are decoded for it.

        Returns:
            An array of its own.
        """
        y0, y1, x0, x1 = region
        out = pixels.empty(y1 - y0, x1 - x0)

        def fill(place: Place) -> None:
            top, bottom = max(y0, place.rows.start), min(y1, place.rows.stop)
            left, right = max(x0, place.columns.start), min(x1, place.columns.stop)
            part = (
                slice(top - place.rows.start, bottom - place.rows.start),
                slice(left - place.columns.start, right - place.columns.start),
            )
            drawn = out[top - y0 : bottom - y0, left - x0 : right - x0]
            self._use(place, lambda held: self._draw(held, part, time_h, pixels, drawn), keep)

        self._file.runtime.pool.map(fill, list(self._tiles.within(*region)), self._at_once)
        return out

    def _draw(self, held: Held, part: Part, time_h: float, pixels: PixelFormat, out: np.ndarray) -> None:
        """Decode a part of a tile into an array of pixels, which may be a part of a larger one."""
        out[...] = pixels.of(self._frame(held, part, time_h, pixels.is_8bit), self._file.archive.transfer)

    def texel(self, y: int, x: int, time_h: float, pixels: PixelFormat) -> np.ndarray:
        """One texel, equal to the same texel of the whole frame."""
        texel: np.ndarray = self.decode(time_h, (y, y + 1, x, x + 1), pixels)[0, 0]
        return texel

    def _pixel(self, values: np.ndarray, pixels: PixelFormat) -> np.ndarray:
        """A pixel of (3,) values, uint8 or float32 as the format is made of."""
        pixel: np.ndarray = pixels.of(values.reshape(1, 1, 3), self._file.archive.transfer)[0, 0]
        return pixel
