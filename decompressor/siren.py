"""Stage 1 of the family `siren`: a stored latent map, or the weights of F1 -> latent maps. FORMAT.md "siren"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .container import Container
from .errors import InvalidMetadataError, InvalidSectionError
from .graphs.runtime import Runtime
from .json_fields import Fields
from .latent_maps import LatentGraphs, LatentMapDecoder
from .metadata import LightmapEntry
from .reversible_wavelet import inverse_bands

STORAGES = ("latent", "weights")
F1_DTYPES = ("fp16", "int8", "fp32")
MODEL_FIELDS = (
    "residual_mode", "storage", "latent_dim", "latent", "f1", "baseline", "normalization", "mlp", "graphs",
)  # fmt: skip
LATENT_FIELDS = ("rows", "columns", "bits", "scales", "zero_points")
F1_FIELDS = ("hidden", "layers", "omega_0", "dtype")
MAX_NODES = 1 << 16
STRIP_VALUES = 1 << 24  # of the widest activation at a time: 64 MiB


@dataclass(frozen=True)
class LatentEntry:
    """The stored map: the field `latent`, checked; scales and zero points are (D,) float32."""

    rows: int
    columns: int
    scales: np.ndarray
    zero_points: np.ndarray


@dataclass(frozen=True)
class SirenEntry:
    """The family's fields for one lightmap, checked.

    Attributes:
        latent_dim: D, channels of the latent map.
        latent: The stored map; None where F1's weights are stored.
        hidden_f1: Width of F1's layers; 1 where the map is stored.
        baseline_q_step: Width of one baseline bin in codes; None without residual mode.
        hidden: Width of F2's layers.
        latents_graph: Section name.
        frame_graph: Section name.
    """

    latent_dim: int
    latent: LatentEntry | None
    hidden_f1: int
    baseline_q_step: int | None
    hidden: int
    latents_graph: str
    frame_graph: str


def _per_channel(fields: Fields, name: str, n: int) -> np.ndarray:
    values = np.asarray(fields.numbers(name, n, n), np.float64)
    if (np.abs(values) > np.finfo(np.float32).max).any():
        raise InvalidMetadataError(f"{fields.where}.{name}: expected float32 numbers, found one out of range")
    return values.astype(np.float32)


def _latent_entry(fields: Fields, latent_dim: int) -> LatentEntry:
    fields.integer("bits", 1, 8)  # the codes have it; the field is for people and other tools
    return LatentEntry(
        rows=fields.integer("rows", 1, MAX_NODES),
        columns=fields.integer("columns", 1, MAX_NODES),
        scales=_per_channel(fields, "scales", latent_dim),
        zero_points=_per_channel(fields, "zero_points", latent_dim),
    )


def read_siren_entry(lightmap: LightmapEntry) -> SirenEntry:
    """Check the fields of `model` for this family.

    Raises:
        InvalidMetadataError: a field is missing, of a wrong type or out of range.
    """
    model = lightmap.model
    graphs = model.child("graphs")
    residual = model.boolean("residual_mode")
    if residual == model.is_null("baseline"):
        raise InvalidMetadataError(f"{model.where}.baseline: expected an object in residual mode and only there")
    has_map = model.choice("storage", STORAGES) == "latent"
    for name, is_there in (("latent", has_map), ("f1", not has_map)):
        if is_there == model.is_null(name):
            raise InvalidMetadataError(f"{model.where}.{name}: expected an object for its storage and only there")
    latent_dim = model.integer("latent_dim", 1, 4096)
    return SirenEntry(
        latent_dim=latent_dim,
        latent=_latent_entry(model.child("latent"), latent_dim) if has_map else None,
        hidden_f1=1 if has_map else model.child("f1").integer("hidden", 1, 1 << 14),
        baseline_q_step=model.child("baseline").integer("q_step", 1, 64) if residual else None,
        hidden=model.child("mlp").integer("hidden", 1, 1 << 14),
        latents_graph=graphs.text("latents"),
        frame_graph=graphs.text("frame"),
    )


class SirenDecoder(LatentMapDecoder):
    """Decodes one lightmap from its latent map, or from F1."""

    def __init__(self, container: Container, lightmap: LightmapEntry, entry: SirenEntry, runtime: Runtime) -> None:
        n_latents = entry.latent_dim + (0 if entry.baseline_q_step is None else 3)
        strip = STRIP_VALUES // max(entry.hidden_f1, n_latents)
        graphs = LatentGraphs(entry.latents_graph, entry.frame_graph, n_latents, entry.hidden, strip)
        super().__init__(container, lightmap, graphs, entry.baseline_q_step, runtime)
        self._latent, self._latent_dim = entry.latent, entry.latent_dim

    def stored_inputs(self) -> dict[str, np.ndarray]:
        """`grid_0`: (D, rows, columns) float32, where the map is stored."""
        if self._latent is None:
            return {}
        latent, name = self._latent, f"{self._lightmap.index}/latent"
        stream = self._container.read_array(name)
        n_values = self._latent_dim * latent.rows * latent.columns
        if stream.shape != (n_values,) or stream.dtype != np.dtype("<u2"):
            raise InvalidSectionError(f"{self._container.path}: section {name}: expected {n_values} values of u2")
        codes = inverse_bands(stream, latent.rows, latent.columns, self._latent_dim)
        with np.errstate(over="ignore", invalid="ignore"):  # absurd scales give absurd frames, but no warnings
            values = (codes.astype(np.float32) - latent.zero_points) * latent.scales
        return {"grid_0": np.ascontiguousarray(values.transpose(2, 0, 1))}
