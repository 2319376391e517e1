"""Decoded tiles, kept while there is room; a tile that several threads ask for at once is decoded once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, Protocol, TypeVar

from .forks import Lock, resets


class _Sized(Protocol):
    @property
    def nbytes(self) -> int:
        """Memory."""


Held = TypeVar("Held", bound=_Sized)


class TileCache(Generic[Held]):
    """Tiles of all lightmaps of an archive. Least recently used tiles go first; the last one asked for always stays.

    A request that touches more tiles than there is room for re-decodes them every time. To read a lightmap larger than
    the cache, finish all hours of one region before moving on.

    Args:
        room: Bytes that there is room for, for all tiles together.
    """

    def __init__(self, room: Callable[[], int]) -> None:
        self._room = room
        self._held = 0
        self._tiles: OrderedDict[Hashable, Held] = OrderedDict()
        self._pending: dict[Hashable, Future[Held]] = {}
        self._lock = Lock()
        resets(self)

    def after_fork(self) -> None:
        """Tiles that threads of the parent were decoding are decoded anew."""
        self._pending = {}

    @property
    def held_bytes(self) -> int:
        """Memory of all that are kept."""
        return self._held

    def find(self, key: Hashable) -> Held | None:
        """The maps of a tile that is kept."""
        try:
            self._tiles.move_to_end(key)
            return self._tiles[key]
        except KeyError:
            return None

    def get(self, key: Hashable, decode: Callable[[], Held], keep: bool = True) -> Held:
        """The maps of a tile.

        Args:
            key: Names the tile.
            decode: Makes them; one thread calls it, and the others wait for its result.
            keep: Whether they are kept, if there is room.

        Raises:
            ArchiveError: what `decode` raises, in every thread that waited for it.
        """
        with self._lock:
            if key in self._tiles:
                self._tiles.move_to_end(key)
                return self._tiles[key]
            waiting = self._pending.get(key)
            if waiting is None:
                ours = self._pending[key] = Future[Held]()
        if waiting is not None:
            return waiting.result()
        try:
            maps = decode()
        except BaseException as error:
            with self._lock:
                self._pending.pop(key, None)
            ours.set_exception(error)
            raise
        with self._lock:
            self._pending.pop(key, None)
            if keep:
                self._tiles[key] = maps
                self._held += maps.nbytes
            room = self._room()
            while self._held > room and len(self._tiles) > 1:
                self._held -= self._tiles.popitem(last=False)[1].nbytes
        ours.set_result(maps)
        return maps
