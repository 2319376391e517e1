"""The record of the family `daybasis`, and the choice among its decoders, of which only that one is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..families import Family
from ..forks import importing
from ..lightmap_file import LightmapFile
from . import entry, native
from .stored import Stored

if TYPE_CHECKING:
    from .decoder import DayBasisDecoder
    from .native_decoder import NativeDecoder


def open_decoder(file: LightmapFile, model: entry.DayBasisEntry) -> NativeDecoder | DayBasisDecoder:
    """The decoder that was asked for, as far as it takes this lightmap.

    Raises:
        ArchiveError: a section or the graph is missing, damaged or not usable.
    """
    stored, decoder = Stored(file, model), file.runtime.decoder
    if decoder == "native" and stored.frame is not None and stored.is_standard:
        with importing.raw:
            from .native_decoder import NativeDecoder
        try:
            return NativeDecoder(stored, stored.frame)
        except native.BeyondExact:
            pass
    with importing.raw:
        from .decoder import DayBasisDecoder
    return DayBasisDecoder(stored, by_graph=decoder == "onnx", instead=decoder == "native")


def standard_decoder(decoder: object) -> NativeDecoder | DayBasisDecoder | None:
    """The decoder of a lightmap, where it is of this family with the standard graph; else None."""
    with importing.raw:
        from .decoder import DayBasisDecoder
        from .native_decoder import NativeDecoder
    if isinstance(decoder, NativeDecoder | DayBasisDecoder) and decoder.frame is not None:
        return decoder
    return None


FAMILY = Family(
    read=entry.read_entry,
    tiles=entry.tiles_of,
    memory=entry.working_set,
    open=open_decoder,
    describe=entry.describe,
)
