"""Stage 1 of the family `siren`: a stored latent map, or the weights of F1 -> latent maps. FORMAT.md "siren"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import latent_maps
from .errors import InvalidMetadataError
from .families import Family, one_tile
from .json_fields import Fields
from .latent_maps import MAX_LAYERS, BaselineEntry, LatentGraphs, LatentMapDecoder, MlpEntry, read_baseline, read_mlp
from .lightmap_file import LightmapFile
from .metadata import LightmapEntry
from .reversible_wavelet import inverse_bands
from .working_set import WorkingSet

STORAGES = ("latent", "weights")
F1_DTYPES = ("fp16", "int8", "fp32")
MAX_NODES = 1 << 16
STRIP_VALUES = 1 << 19  # of the widest activation at a time: 2 MiB


@dataclass(frozen=True)
class LatentEntry:
    """The stored map: the field `latent`, checked; scales and zero points are (D,) float32, bits are for people."""

    rows: int
    columns: int
    bits: int
    scales: np.ndarray
    zero_points: np.ndarray


@dataclass(frozen=True)
class F1Entry:
    """The network of `latents`: the field `f1`, checked; but for `hidden` they are for people."""

    hidden: int
    layers: int
    omega_0: float
    dtype: str

    def describe(self) -> str:
        """For people."""
        return f"F1 of {self.layers} sine layers of {self.hidden}, omega_0 {self.omega_0:g}, weights in {self.dtype}"


@dataclass(frozen=True)
class SirenEntry:
    """The family's fields for one lightmap, checked.

    Attributes:
        latent_dim: D, channels of the latent map.
        latent: The stored map; None where F1's weights are stored.
        f1: None where the map is stored.
        baseline: None without residual mode.
        mlp: F2.
        latents_graph: Section name.
        frame_graph: Section name.
    """

    latent_dim: int
    latent: LatentEntry | None
    f1: F1Entry | None
    baseline: BaselineEntry | None
    mlp: MlpEntry
    latents_graph: str
    frame_graph: str


def _latent_entry(fields: Fields, latent_dim: int) -> LatentEntry:
    return LatentEntry(
        rows=fields.integer("rows", 1, MAX_NODES),
        columns=fields.integer("columns", 1, MAX_NODES),
        bits=fields.integer("bits", 1, 8),
        scales=fields.singles("scales", latent_dim),
        zero_points=fields.singles("zero_points", latent_dim),
    )


def _f1_entry(fields: Fields) -> F1Entry:
    return F1Entry(
        hidden=fields.integer("hidden", 1, 1 << 14),
        layers=fields.integer("layers", 1, MAX_LAYERS),
        omega_0=fields.number("omega_0", 0.0, 1e9),
        dtype=fields.choice("dtype", F1_DTYPES),
    )


def read_entry(lightmap: LightmapEntry, _: int) -> SirenEntry:
    """Check the fields of `model` for this family.

    Raises:
        InvalidMetadataError: a field is missing, of a wrong type or out of range.
    """
    model = lightmap.model
    graphs = model.child("graphs")
    baseline = read_baseline(model)
    has_map = model.choice("storage", STORAGES) == "latent"
    for name, is_there in (("latent", has_map), ("f1", not has_map)):
        if is_there == model.is_null(name):
            raise InvalidMetadataError(f"{model.where}.{name}: expected an object for its storage and only there")
    latent_dim = model.integer("latent_dim", 1, 4096)
    return SirenEntry(
        latent_dim=latent_dim,
        latent=_latent_entry(model.child("latent"), latent_dim) if has_map else None,
        f1=None if has_map else _f1_entry(model.child("f1")),
        baseline=baseline,
        mlp=read_mlp(model),
        latents_graph=graphs.text("latents"),
        frame_graph=graphs.text("frame"),
    )


class SirenDecoder(LatentMapDecoder):
    """Decodes one lightmap from its latent map, or from F1."""

    def __init__(self, file: LightmapFile, entry: SirenEntry) -> None:
        n_latents = entry.latent_dim + (0 if entry.baseline is None else 3)
        strip = STRIP_VALUES // max(1 if entry.f1 is None else entry.f1.hidden, n_latents)
        graphs = LatentGraphs(entry.latents_graph, entry.frame_graph, n_latents, entry.mlp.hidden, strip)
        super().__init__(file, graphs, entry.baseline)
        self._latent, self._latent_dim = entry.latent, entry.latent_dim

    def stored_inputs(self) -> dict[str, np.ndarray]:
        """`grid_0`: (D, rows, columns) float32, where the map is stored."""
        if self._latent is None:
            return {}
        latent, name, sections = self._latent, self._file.section("latent"), self._file.sections
        stream = sections.read_array(name)
        n_values = self._latent_dim * latent.rows * latent.columns
        if stream.shape != (n_values,) or stream.dtype != np.dtype("<u2"):
            raise sections.invalid(name, f"expected {n_values} values of u2")
        codes = inverse_bands(stream, latent.rows, latent.columns, self._latent_dim)
        with np.errstate(over="ignore", invalid="ignore"):  # absurd scales give absurd frames, but no warnings
            values = (codes.astype(np.float32) - latent.zero_points) * latent.scales
        return {"grid_0": np.ascontiguousarray(values.transpose(2, 0, 1))}


def working_set(lightmap: LightmapEntry, entry: SirenEntry, _n_hours: int, _decoder: str) -> WorkingSet:
    """What decoding needs, an estimate."""
    return latent_maps.working_set(lightmap, entry.latent_dim + 3, entry.baseline is not None)


def describe(entry: SirenEntry) -> list[str]:
    """The fields of `model`, for people."""
    if entry.latent is not None:
        stored = f"map of {entry.latent.rows} x {entry.latent.columns} nodes in {entry.latent.bits} bits"
    elif entry.f1 is not None:
        stored = entry.f1.describe()
    return [
        f"  latent: {entry.latent_dim} channels, stored as {stored}",
        entry.mlp.describe("F2"),
        *([] if entry.baseline is None else [entry.baseline.describe()]),
    ]


FAMILY = Family(
    read=read_entry,
    tiles=one_tile,
    memory=working_set,
    open=SirenDecoder,
    describe=describe,
)
