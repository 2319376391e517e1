"""Decoded tiles, kept while there is room; a tile that several threads ask for at once is decoded once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from .forks import Lock, resets


class _Sized(Protocol):
    @property
    def nbytes(self) -> int:
        """Memory."""


Held = TypeVar("Held", bound=_Sized)
Key = tuple[object, int]
"""A tile's owner, which is compared by identity, and its number."""


class _Pending(Generic[Held]):
    """A tile that is asked for: whoever has the lock decodes it, unless it is done.

    A lock and not a promise: a thread that Ctrl-C takes out of the work gives the lock back, and the next one does it.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.maps: Held | None = None


class TileCache(Generic[Held]):
    """Tiles of all lightmaps of an archive. Least recently used ones go first, the last one before another is made.

    A request that touches more tiles than there is room for re-decodes them every time. To read a lightmap larger than
    the cache, finish all hours of one region before moving on.

    Args:
        room: Bytes that there is room for, for all tiles together.

    Attributes:
        is_short: Tiles have to go for others: one that is found may go too, while somebody still works with it.
    """

    def __init__(self, room: Callable[[], int]) -> None:
        self._room = room
        self._held, self._largest, self.is_short = 0, 0, False
        self._tiles: OrderedDict[Key, Held] = OrderedDict()
        self._pending: dict[Key, _Pending[Held]] = {}
        self._lock = Lock()
        resets(self)

    def after_fork(self) -> None:
        """Tiles that threads of the parent were decoding are decoded anew."""
        self._pending = {}

    @property
    def held_bytes(self) -> int:
        """Memory of all that are kept."""
        return self._held

    def find(self, key: Key) -> Held | None:
        """The maps of a tile that is kept."""
        try:
            self._tiles.move_to_end(key)
            return self._tiles[key]
        except KeyError:
            return None

    def get(self, key: Key, decode: Callable[[], Held], keep: bool = True) -> Held:
        """The maps of a tile.

        Args:
            key: Names the tile.
            decode: Makes them; one thread calls it, and the others wait for its result (or do it, where it failed).
            keep: Whether they are kept, if there is room.

        Raises:
            ArchiveError: what `decode` raises.
        """
        with self._lock.raw:
            if key in self._tiles:
                self._tiles.move_to_end(key)
                return self._tiles[key]
            pending = self._pending.setdefault(key, _Pending())
        try:
            with pending.lock:
                if pending.maps is None:
                    if self._held + self._largest > self._room():
                        self.is_short = True  # before: whoever works with a tile that will go is done by then
                    self._make_room(least=0)
                    pending.maps = decode()
                    self._put(key, pending.maps, keep)
                return pending.maps
        finally:
            with self._lock.raw:
                if self._pending.get(key) is pending:
                    del self._pending[key]

    def drop(self, owner: object) -> None:
        """Forget the tiles whose keys begin with the owner."""
        with self._lock.raw:
            for key in [key for key in self._tiles if key[0] is owner]:
                self._held -= self._tiles.pop(key).nbytes

    def clear(self) -> None:
        """Forget all tiles."""
        with self._lock.raw:
            self._tiles.clear()
            self._held = 0

    def _put(self, key: Key, maps: Held, keep: bool) -> None:
        size = maps.nbytes
        with self._lock.raw:
            if keep:  # Ctrl-C comes after calls: between the two there is none
                self._held += size
                self._tiles[key] = maps
            self._largest = max(self._largest, size)
        self._make_room(least=1)

    def _make_room(self, least: int) -> None:
        """Let tiles go that there is no room for, but for so many of the last ones."""
        with self._lock.raw:
            room = self._room()
            while self._held > room and len(self._tiles) > least:
                self.is_short = True
                oldest = next(iter(self._tiles))
                size = self._tiles[oldest].nbytes
                self._held -= size
                del self._tiles[oldest]
