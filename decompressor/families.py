"""The decoders of the model families, by `model_type`: `read_entry` checks the fields, `open_decoder` does the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from .container import Container
from .daybasis.decoder import DayBasisDecoder
from .daybasis.entry import DayBasisEntry, read_daybasis_entry
from .graphs.runtime import Runtime
from .gridmlp import GridMlpDecoder, GridMlpEntry, read_gridmlp_entry
from .metadata import ArchiveEntry, LightmapEntry
from .siren import SirenDecoder, SirenEntry, read_siren_entry

ModelEntry = DayBasisEntry | GridMlpEntry | SirenEntry


class Decoder(Protocol):
    """What every family decodes; arguments are checked before."""

    @property
    def n_tiles(self) -> int:
        """Tiles that decode on their own."""

    def prepare(self) -> None:
        """Do all work that comes before the first frame."""

    def latents(self) -> np.ndarray:
        """(C, H, W) float32 latent maps."""

    def decode(self, time_h: float, region: tuple[int, int, int, int], as_codes: bool) -> np.ndarray:
        """(h, w, 3) uint8 codes or float32 values of a region."""

    def texel(self, y: int, x: int, time_h: float) -> np.ndarray:
        """(3,) float32 values of one texel."""


def read_entry(archive: ArchiveEntry, lightmap: LightmapEntry) -> ModelEntry:
    """Check the fields of `model`.

    Raises:
        InvalidMetadataError: a field is missing, of a wrong type or out of range.
    """
    if archive.model_type == "daybasis":
        return read_daybasis_entry(lightmap, len(archive.hours))
    return read_siren_entry(lightmap) if archive.model_type == "siren" else read_gridmlp_entry(lightmap)


def open_decoder(
    container: Container,
    archive: ArchiveEntry,
    lightmap: LightmapEntry,
    model: ModelEntry,
    valid: Callable[[], np.ndarray],
    runtime: Runtime,
) -> Decoder:
    """Make the decoder of a lightmap; `valid` reads its mask, where the family needs it.

    Raises:
        ArchiveError: a section or graph is missing, damaged or not usable.
    """
    if isinstance(model, DayBasisEntry):
        return DayBasisDecoder(container, archive, lightmap, model, valid(), runtime)
    if isinstance(model, SirenEntry):
        return SirenDecoder(container, lightmap, model, runtime)
    return GridMlpDecoder(container, lightmap, model, runtime)
