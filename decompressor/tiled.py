"""A decoder of any family: maps are made tile by tile, when they are needed, and kept while there is room."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic

import numpy as np

from .grid import Place, TileGrid
from .lightmap_file import LightmapFile
from .tile_cache import Held, TileCache

Part = tuple[slice, slice]
"""Rows and columns of a tile."""


class TiledDecoder(ABC, Generic[Held]):
    """Decodes one lightmap.

    Args:
        file: The lightmap in its archive.
        tiles: What is made at a time.
    """

    def __init__(self, file: LightmapFile, tiles: TileGrid) -> None:
        self._file, self._tiles = file, tiles
        self._cache: TileCache[Held] = TileCache(file.runtime.memory.cache_bytes)

    @abstractmethod
    def _make(self, place: Place) -> Held:
        """What is kept of a tile; threads share it.

        Raises:
            ArchiveError: a section is missing or damaged, or over a limit.
        """

    @abstractmethod
    def _maps(self, held: Held) -> np.ndarray:
        """(C, h, w) float32 maps of a tile."""

    @abstractmethod
    def _frame(self, held: Held, part: Part, time_h: float, as_rgb8: bool) -> np.ndarray:
        """(h, w, 3) of a part of a tile."""

    def _tile(self, place: Place) -> Held:
        return self._cache.get(place.number, lambda: self._make(place))

    def prepare(self) -> None:
        """Decode all tiles, several at a time; those that there is room for are kept."""
        runtime = self._file.runtime
        runtime.pool.map(self._visit, range(len(self._tiles)), runtime.tiles_at_once)

    def _visit(self, number: int) -> None:
        self._tile(self._tiles[number])

    def latents(self) -> np.ndarray:
        """(C, H, W) float32, all tiles put together."""
        first = self._maps(self._tile(self._tiles[0]))
        maps = np.empty((len(first), self._tiles.height, self._tiles.width), np.float32)
        for place in self._tiles:
            place.cut(maps)[...] = self._maps(self._tile(place))
        return maps

    def decode(self, time_h: float, region: tuple[int, int, int, int], as_rgb8: bool) -> np.ndarray:
        """Decode a region.

        Args:
            time_h: Hours in [0, 24).
            region: (y0, y1, x0, x1) inside of the lightmap.
            as_rgb8: uint8 sRGB instead of float32 values.

        Returns:
            (h, w, 3) array of its own.
        """
        y0, y1, x0, x1 = region
        touched = list(self._tiles.within(*region))
        if len(touched) == 1:
            return self._in_tile(touched[0], region, time_h, as_rgb8)
        out = np.empty((y1 - y0, x1 - x0, 3), np.uint8 if as_rgb8 else np.float32)

        def fill(place: Place) -> None:
            top, bottom = max(y0, place.rows.start), min(y1, place.rows.stop)
            left, right = max(x0, place.columns.start), min(x1, place.columns.stop)
            piece = self._in_tile(place, (top, bottom, left, right), time_h, as_rgb8)
            out[top - y0 : bottom - y0, left - x0 : right - x0] = piece

        self._file.runtime.pool.map(fill, touched, self._file.runtime.tiles_at_once)
        return out

    def _in_tile(self, place: Place, region: tuple[int, int, int, int], time_h: float, as_rgb8: bool) -> np.ndarray:
        y0, y1, x0, x1 = region
        top, left = place.rows.start, place.columns.start
        part = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
        return self._frame(self._tile(place), part, time_h, as_rgb8)
