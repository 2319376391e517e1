"""Stage 1 of the family `siren`: a stored latent map, or the weights of F1 -> latent maps. FORMAT.md "siren"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import latent_maps
from .errors import InvalidMetadataError
from .json_fields import Fields
from .latent_maps import LatentGraphs, LatentMapDecoder, describe_baseline, describe_mlp, read_baseline
from .lightmap_file import LightmapFile
from .metadata import LightmapEntry
from .reversible_wavelet import inverse_bands
from .working_set import WorkingSet

STORAGES = ("latent", "weights")
F1_DTYPES = ("fp16", "int8", "fp32")
MAX_NODES = 1 << 16
STRIP_VALUES = 1 << 22  # of the widest activation at a time: 16 MiB


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


def _latent_entry(fields: Fields, latent_dim: int) -> LatentEntry:
    fields.integer("bits", 1, 8)  # the codes have it; the field is for people and other tools
    return LatentEntry(
        rows=fields.integer("rows", 1, MAX_NODES),
        columns=fields.integer("columns", 1, MAX_NODES),
        scales=fields.singles("scales", latent_dim),
        zero_points=fields.singles("zero_points", latent_dim),
    )


def read_entry(lightmap: LightmapEntry, _: int) -> SirenEntry:
    """Check the fields of `model` for this family.

    Raises:
        InvalidMetadataError: a field is missing, of a wrong type or out of range.
    """
    model = lightmap.model
    graphs = model.child("graphs")
    baseline_q_step = read_baseline(model)
    has_map = model.choice("storage", STORAGES) == "latent"
    for name, is_there in (("latent", has_map), ("f1", not has_map)):
        if is_there == model.is_null(name):
            raise InvalidMetadataError(f"{model.where}.{name}: expected an object for its storage and only there")
    latent_dim = model.integer("latent_dim", 1, 4096)
    return SirenEntry(
        latent_dim=latent_dim,
        latent=_latent_entry(model.child("latent"), latent_dim) if has_map else None,
        hidden_f1=1 if has_map else model.child("f1").integer("hidden", 1, 1 << 14),
        baseline_q_step=baseline_q_step,
        hidden=model.child("mlp").integer("hidden", 1, 1 << 14),
        latents_graph=graphs.text("latents"),
        frame_graph=graphs.text("frame"),
    )


class SirenDecoder(LatentMapDecoder):
    """Decodes one lightmap from its latent map, or from F1."""

    def __init__(self, file: LightmapFile, entry: SirenEntry) -> None:
        n_latents = entry.latent_dim + (0 if entry.baseline_q_step is None else 3)
        strip = STRIP_VALUES // max(entry.hidden_f1, n_latents)
        graphs = LatentGraphs(entry.latents_graph, entry.frame_graph, n_latents, entry.hidden, strip)
        super().__init__(file, graphs, entry.baseline_q_step)
        self._latent, self._latent_dim = entry.latent, entry.latent_dim

    def stored_inputs(self) -> dict[str, np.ndarray]:
        """`grid_0`: (D, rows, columns) float32, where the map is stored."""
        if self._latent is None:
            return {}
        latent, name, container = self._latent, self._file.section("latent"), self._file.container
        stream = container.read_array(name)
        n_values = self._latent_dim * latent.rows * latent.columns
        if stream.shape != (n_values,) or stream.dtype != np.dtype("<u2"):
            raise container.invalid(name, f"expected {n_values} values of u2")
        codes = inverse_bands(stream, latent.rows, latent.columns, self._latent_dim)
        with np.errstate(over="ignore", invalid="ignore"):  # absurd scales give absurd frames, but no warnings
            values = (codes.astype(np.float32) - latent.zero_points) * latent.scales
        return {"grid_0": np.ascontiguousarray(values.transpose(2, 0, 1))}


def working_set(lightmap: LightmapEntry, entry: SirenEntry, _n_hours: int, cache_bytes: int) -> WorkingSet:
    """What decoding needs, an estimate."""
    return latent_maps.working_set(lightmap, entry.latent_dim + 3, entry.baseline_q_step is not None, cache_bytes)


def describe(model: dict[str, Any]) -> list[str]:
    """The fields of `model`, for people."""
    latent, f1 = model["latent"], model["f1"]
    if latent:
        stored = f"map of {latent['rows']} x {latent['columns']} nodes in {latent['bits']} bits"
    else:
        stored = (
            f"F1 of {f1['layers']} sine layers of {f1['hidden']}, omega_0 {f1['omega_0']:g}, weights in {f1['dtype']}"
        )
    return [
        f"  latent: {model['latent_dim']} channels, stored as {stored}",
        describe_mlp("F2", model),
        *describe_baseline(model),
    ]
