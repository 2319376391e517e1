"""Decoded tiles, kept while there is room; a tile that several threads ask for at once is decoded once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np

Place = tuple[int, int]


class TileCache:
    """Least recently used tiles go first; the last one asked for always stays.

    A request that touches more tiles than there is room for decodes them anew each time: who reads a lightmap whose
    maps are larger than the room takes all hours of one region before the next region.

    Args:
        room_bytes: Of all tiles together.
    """

    def __init__(self, room_bytes: int) -> None:
        self._room = room_bytes
        self._held = 0
        self._tiles: OrderedDict[Place, np.ndarray] = OrderedDict()
        self._pending: dict[Place, Future[np.ndarray]] = {}
        self._lock = threading.Lock()

    def get(self, place: Place, decode: Callable[[], np.ndarray]) -> np.ndarray:
        """The maps of a tile.

        Args:
            place: Row and column of the tile.
            decode: Makes them; called by one thread, for whose result the others wait.

        Raises:
            ArchiveError: what `decode` raises, in every thread that waited for it.
        """
        with self._lock:
            if place in self._tiles:
                self._tiles.move_to_end(place)
                return self._tiles[place]
            waiting = self._pending.get(place)
            if waiting is None:
                mine = self._pending[place] = Future[np.ndarray]()
        if waiting is not None:
            return waiting.result()
        try:
            maps = decode()
        except BaseException as error:
            with self._lock:
                del self._pending[place]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._pending[place]
            self._tiles[place] = maps
            self._held += maps.nbytes
            while self._held > self._room and len(self._tiles) > 1:
                self._held -= self._tiles.popitem(last=False)[1].nbytes
        mine.set_result(maps)
        return maps
