"""A tile of an archive by the native core, in no more memory than the file may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..bits import OverBudget
from ..errors import LimitExceededError
from ..graphs.heap import HEAP
from ..grid import Place
from ..pool import ALONE, Pool
from . import native
from .entry import tile_bytes
from .stored import Stored

if TYPE_CHECKING:
    from .. import _native


def make_tile(
    stored: Stored,
    place: Place,
    rotations: bytes | None,
    signal: native.Signal,
    pool: Pool = ALONE,
    *,
    is_alone: bool = False,
) -> _native.Tile:
    """Decode a tile.

    What it takes was estimated, and is mostly less. Where nearly all coefficients of so small a file count it is more:
    that is taken from what is left, of which tiles that are held and other threads have a part. Where that does not do,
    they go, and one tile is decoded at a time, by one thread; so are the tiles after it, as trying first takes as long.

    Args:
        stored: Sections of the lightmap.
        place: The tile.
        rotations: Of the regions.
        signal: From maps to values.
        pool: Threads that help.
        is_alone: No other tile is decoded meanwhile.

    Raises:
        OverBudget: it takes more than its share, and has to be decoded alone.
        EntropyError: the stream is truncated or inconsistent.
        BeyondExact: a map goes beyond its grid.
        LimitExceededError: it takes more memory than is left.
    """
    file, entry = stored.file, stored.entry
    runtime, valid = file.runtime, stored.mask(place)

    def decode(most_bytes: int, pool: Pool) -> _native.Tile:
        return native.decode_tile(
            stored.stream(place),
            valid,
            entry,
            stored.blocks(place, is_empty=not valid.any()),
            rotations,
            signal,
            dilates=file.gutter == "dilate",
            pool=pool,
            most_bytes=most_bytes,
        )

    own, memory = tile_bytes(file.entry, entry, is_native=True), runtime.memory
    with stored.errors_of(place), HEAP.room_for(0, at_once=True):  # what NumPy or graphs have left goes first
        if is_alone:
            runtime.tiles.clear()
            most_bytes = own + memory.recall()
            try:
                return decode(most_bytes, ALONE)
            except OverBudget as error:
                raise LimitExceededError(
                    f"{file.container.path}: lightmap {file.entry.name}: a tile would take more than {most_bytes} "
                    "bytes of memory, what is left to a file of this size"
                ) from error
        if stored.is_tight:
            raise OverBudget("an earlier tile did not fit")
        more = memory.borrow(runtime.tiles.held_bytes, runtime.tiles_at_once)
        try:
            return decode(own + more, pool)
        except OverBudget:
            stored.is_tight = True
            raise
        finally:
            memory.give_back(more)
