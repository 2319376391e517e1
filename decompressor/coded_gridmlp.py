"""`gridmlp` with latents as large as the lightmap, stored by daybasis' coder. FORMAT.md "Coded maps"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .cached import cached_property
from .daybasis import native
from .daybasis.entry import DayBasisEntry, read_fields, tiles_of
from .daybasis.entry import describe as describe_maps
from .daybasis.entry import working_set as working_set_of_maps
from .daybasis.maps import decode_maps, read_rotations
from .daybasis.native_tile import make_tile
from .daybasis.stored import Stored
from .forks import Lock
from .frame import block_texels
from .grid import Place
from .json_fields import Fields
from .lightmap_file import LightmapFile
from .metadata import LightmapEntry
from .tiled import Part, TiledDecoder
from .working_set import WorkingSet

FIELD = "maps"
"""Of `model`, and what `requires` says."""
MAX_UNITS = 32
UNITS_PER_COLUMN = 3  # a column of the temporal matrix has a number for each channel, and so for three units


@dataclass(frozen=True)
class CodedEntry:
    """The family's fields for one lightmap, checked.

    Attributes:
        maps: Maps and temporal matrix, whose columns are those of the maps, of the units, and of their biases.
        hidden: Hidden units, U.
        dtype: Of the weights, for people.
    """

    maps: DayBasisEntry
    hidden: int
    dtype: str


def more_columns(n_units: int) -> int:
    """Columns of the temporal matrix beside those of the maps: each unit's, and those that hold all biases."""
    return n_units + -(-n_units // UNITS_PER_COLUMN)


def read_entry(model: Fields, n_hours: int) -> CodedEntry:
    """Check the fields.

    Raises:
        InvalidMetadataError: a field is missing, of a wrong type or out of range.
    """
    mlp = model.child("mlp")
    hidden = mlp.integer("hidden", 0, MAX_UNITS)
    graph = model.child("graphs").text("frame")
    return CodedEntry(
        maps=read_fields(model.child(FIELD), n_hours, more_columns(hidden), graph),
        hidden=hidden,
        dtype=mlp.choice("dtype", ("fp16",)),
    )


class CodedGridMlpDecoder(TiledDecoder[np.ndarray]):
    """Decodes one lightmap: tiles of maps as daybasis does, frames by the graph."""

    def __init__(self, file: LightmapFile, entry: CodedEntry) -> None:
        super().__init__(file, tiles_of(file.entry, entry.maps))
        self._stored = Stored(file, entry.maps)
        self._is_native, self._lock = file.runtime.decoder == "native", Lock()
        self._rotations = read_rotations(self._stored)
        self._drawn = self._stored.frame_decoder(block_texels(max(entry.maps.n_components, entry.hidden)))

    def frame_inputs(self) -> dict[str, np.ndarray]:
        """The graph's tables: `first`, `steps` and `grid`."""
        return self._stored.matrix.tables

    @cached_property
    def _native_rotations(self) -> bytes | None:
        entry = self._stored.entry
        if entry.n_classes == 1:
            return None
        return native.rotations_of_codes(self._stored.rotation_codes(), entry.n_components)

    def _make(self, place: Place, is_alone: bool = False) -> np.ndarray:
        if self._is_native:
            try:
                return self._native(place, is_alone)
            except native.BeyondExact:
                self._go_on_by_numpy()
        return decode_maps(self._stored, place, self._rotations)

    def _go_on_by_numpy(self) -> None:
        """From now on: a tile that is tried twice takes the time of both."""
        with self._lock.raw:
            if self._is_native:
                self._stored.count_numpy()
                self._is_native = False

    def _make_alone(self, place: Place) -> np.ndarray:
        return self._make(place, is_alone=True)

    def _native(self, place: Place, is_alone: bool) -> np.ndarray:
        """`decode_maps` in C, with the same bits."""
        tile = make_tile(self._stored, place, self._native_rotations, native.RADIANCE, is_alone=is_alone)
        maps = native.latents(tile)
        maps.flags.writeable = False
        return maps

    def _maps(self, held: np.ndarray) -> np.ndarray:
        return held

    def _frame(self, held: np.ndarray, part: Part, time_h: float, as_rgb8: bool) -> np.ndarray:
        return self._drawn.decode(held[:, part[0], part[1]], time_h, as_rgb8)


def working_set(lightmap: LightmapEntry, entry: CodedEntry, n_hours: int) -> WorkingSet:
    """What decoding needs, an estimate: NumPy's, which decodes what goes beyond the native core."""
    return working_set_of_maps(lightmap, entry.maps, n_hours, "reference")


def describe(entry: CodedEntry) -> list[str]:
    """The fields of `model`, for people."""
    return [
        *describe_maps(entry.maps),
        f"  head: linear, and a hidden layer of {entry.hidden}, weights in {entry.dtype}",
    ]
