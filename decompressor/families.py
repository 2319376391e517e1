"""The model families: a record for each, by the `model_type` of an archive. A new family has its record in a module."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from .forks import importing
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
        memory: (lightmap, fields, number of stored times, decoder) -> an estimate, before any work.
        open: (file, fields) -> the decoder; no section is read before.
        describe: fields -> lines for people.
    """

    read: Callable[[LightmapEntry, int], Entry]
    tiles: Callable[[LightmapEntry, Entry], TileGrid]
    memory: Callable[[LightmapEntry, Entry, int, str], WorkingSet]
    open: Callable[[LightmapFile, Entry], Decoder]
    describe: Callable[[Entry], list[str]]


MODULES = {"daybasis": ".daybasis.family", "gridmlp": ".gridmlp", "siren": ".siren"}
"""Where the record FAMILY of each `model_type` is; loaded when an archive has it."""


def find_family(model_type: str) -> Family[Any]:
    """The record of a `model_type` that is one of MODULES."""
    with importing.raw:
        family: Family[Any] = importlib.import_module(MODULES[model_type], __package__).FAMILY
    return family


def one_tile(lightmap: LightmapEntry, _: object) -> TileGrid:
    """The tiles of a family that decodes a lightmap as a whole."""
    return TileGrid(lightmap.height, lightmap.width, max(lightmap.height, lightmap.width))


def read_entry(archive: ArchiveEntry, lightmap: LightmapEntry) -> Any:
    """Check the fields of `model`.

    Raises:
        InvalidMetadataError: a field is missing, of a wrong type or out of range.
    """
    return find_family(archive.model_type).read(lightmap, len(archive.hours))
