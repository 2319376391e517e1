"""The model families: one record for each, by the `model_type` of an archive. A new family is a new record here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from . import gridmlp, siren
from .daybasis import entry, native_decoder
from .daybasis.stored import Stored
from .grid import TileGrid
from .lightmap_file import LightmapFile
from .metadata import ArchiveEntry, LightmapEntry
from .pixels import PixelFormat
from .working_set import WorkingSet

Entry = TypeVar("Entry")


class Decoder(Protocol):
    """What every family decodes; arguments are checked before."""

    def prepare(self) -> None:
        """Do all work that comes before the first frame."""

    def latents(self) -> np.ndarray:
        """(C, H, W) float32 latent maps."""

    def frame_inputs(self) -> dict[str, np.ndarray]:
        """What the graph `frame` takes beside `z` and `time_h`."""

    def decode(self, time_h: float, region: tuple[int, int, int, int], pixels: PixelFormat, keep: bool) -> np.ndarray:
        """Pixels of a region; `keep` the maps that were decoded for it."""

    def texel(self, y: int, x: int, time_h: float, pixels: PixelFormat) -> np.ndarray:
        """One texel of uint8 or float32."""


@dataclass(frozen=True)
class Family(Generic[Entry]):
    """A model family.

    Attributes:
        read: (lightmap, number of stored times) -> the fields of `model`, checked.
        tiles: (lightmap, fields) -> what decodes on its own.
        memory: (lightmap, fields, number of stored times, bytes of the tile cache) -> an estimate, before any work.
        open: (file, fields) -> the decoder; no section is read before.
        describe: fields -> lines for people.
    """

    read: Callable[[LightmapEntry, int], Entry]
    tiles: Callable[[LightmapEntry, Entry], TileGrid]
    memory: Callable[[LightmapEntry, Entry, int, int], WorkingSet]
    open: Callable[[LightmapFile, Entry], Decoder]
    describe: Callable[[Entry], list[str]]


def _one_tile(lightmap: LightmapEntry, _: object) -> TileGrid:
    return TileGrid(lightmap.height, lightmap.width, max(lightmap.height, lightmap.width))


FAMILIES: dict[str, Family[Any]] = {
    "daybasis": Family(
        read=entry.read_entry,
        tiles=entry.tiles_of,
        memory=entry.working_set,
        open=lambda file, model: native_decoder.open_decoder(Stored(file, model)),
        describe=entry.describe,
    ),
    "gridmlp": Family(
        read=gridmlp.read_entry,
        tiles=_one_tile,
        memory=gridmlp.working_set,
        open=gridmlp.GridMlpDecoder,
        describe=gridmlp.describe,
    ),
    "siren": Family(
        read=siren.read_entry,
        tiles=_one_tile,
        memory=siren.working_set,
        open=siren.SirenDecoder,
        describe=siren.describe,
    ),
}


def read_entry(archive: ArchiveEntry, lightmap: LightmapEntry) -> Any:
    """Check the fields of `model`.

    Raises:
        InvalidMetadataError: a field is missing, of a wrong type or out of range.
    """
    return FAMILIES[archive.model_type].read(lightmap, len(archive.hours))
