"""Profile parts: the pieces of a gridmlp or siren model, for programs that put them together themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from todpack.decompressor.archive import Archive
from todpack.decompressor.latent_maps import LatentMapDecoder

from ..errors import PackError
from ..graph_builder import SRGB_PEAK
from ..gridmlp.coded import CONFIG_FIELD
from ..gridmlp.command import GridMlpPackOptions
from ..gridmlp.frame_graph import frame_graph
from ..gridmlp.pack import add_gridmlp
from ..run_archive import AddModel, write_run_archive
from ..run_folder import CONFIG_NAME, Run
from ..siren.command import SirenPackOptions
from ..siren.pack import add_siren

MERGES = {"mean": "mean", "learned": "weighted"}
"""Names of hash merges, and those of the original recipe."""
NO_MLP = KeyError, IndexError, ValueError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError
"""What weights that are missing, or of other shapes, make of the work on them."""
MOST_ERROR = 1e-5
"""Of a weight that was divided by its unit and multiplied again, absolute and relative."""


@dataclass(frozen=True)
class Parts:
    """The pieces of one lightmap.

    Attributes:
        name: Of the lightmap.
        family: "gridmlp" or "siren".
        mlp: Weights by the names of `trainer/gridmlp/export.py:model_arrays`; float32, in units of 255 codes.
        tensors: By file name without suffix: `grid_<l>` (rows, columns, C) of dense levels, `hash_<l>` (M, C) and
            `merge_<l>` (C, 2C) of levels that hash, `f0` (rows, columns, C0) of a BaselineEncoder.
        latents: (H, W, D) float32, what the MLP takes at each texel; the baseline as an input comes last, 0..1.
        baseline: (H, W, 3) uint8 in residual mode, else None.
        valid: (H, W) bool.
        metadata: Fields by the names of FORMAT.md "gridmlp" and "siren".
    """

    name: str
    family: str
    mlp: Mapping[str, np.ndarray]
    tensors: Mapping[str, np.ndarray]
    latents: np.ndarray
    baseline: np.ndarray | None
    valid: np.ndarray
    metadata: dict[str, Any]


def exact_archive(run: Run, out: Path) -> None:
    """Store a run without loss but for F0, which has 8 bits, so that its parts are read like any archive's.

    Raises:
        PackError: the run is not usable, or of another family.
    """
    grid_options = GridMlpPackOptions(grid_dtype="float32", mlp_dtype="fp32", baseline_q_step=1)
    siren_options = SirenPackOptions(storage="weights", f1_dtype="fp32", mlp_dtype="fp32")
    add_model: dict[str, AddModel] = {
        "gridmlp": lambda writer, valid: add_gridmlp(writer, run, grid_options, valid),
        "siren": lambda writer, valid: add_siren(writer, run, siren_options, valid),
    }
    if run.family not in add_model:
        raise PackError(
            f"{run.path / CONFIG_NAME}: expected family gridmlp or siren for --profile parts, found {run.family!r}; "
            "`todpack pack` makes an archive of it, which the other profiles take"
        )
    if CONFIG_FIELD in run.config:
        raise PackError(f"{run.path / CONFIG_NAME}: expected grids for --profile parts, found a run of the preset rd")
    write_run_archive(run, out, add_model[run.family])


def parts_of(archive: Archive, index: int) -> Parts:
    """The parts of a lightmap, as decoders see them.

    Args:
        archive: Open.
        index: Of the lightmap.

    Raises:
        PackError: the graph is not one that this packer writes.
        ArchiveError: it cannot be decoded.
    """
    lightmap, entry = archive.lightmaps[index], archive.metadata["lightmaps"][index]
    decoder, model = lightmap.decoder, entry["model"]
    assert isinstance(decoder, LatentMapDecoder)
    latents = np.ascontiguousarray(lightmap.latents().transpose(1, 2, 0), np.float32)
    baseline, section = None, model["graphs"]["frame"]
    if model["residual_mode"]:
        stored = decoder.latent_inputs()["baseline"].transpose(1, 2, 0)
        if not np.array_equal(latents[..., -3:], stored):
            where = f"{archive.container.path}: {model['graphs']['latents']}"
            raise PackError(f"{where}: expected the baseline as its last three maps, found others")
        baseline, latents = stored.astype(np.uint8), np.ascontiguousarray(latents[..., :-3])
    graph, where = _graph_of(archive.container.read_bytes(section)), f"{archive.container.path}: {section}"
    n_features = latents.shape[-1]
    try:
        constants, n_layers = _constants_of(graph), model["mlp"]["layers"]
        with np.errstate(all="ignore"):  # of weights that are no numbers, which `_is_same` refuses
            mlp = _mlp_of(constants, n_layers, n_features)
            made = frame_graph(mlp, n_layers, n_features, model["residual_mode"], _dtype_of(constants))
    except NO_MLP as error:
        raise PackError(f"{where}: expected the graph of an MLP: {error}") from error
    if not _is_same(graph, _graph_of(made)):
        raise PackError(f"{where}: expected the graph of an MLP, found another with its weights")
    if baseline is not None and mlp["mlp_input_features"].shape[1] > latents.shape[-1]:
        latents = np.concatenate([latents, baseline.astype(np.float32) / np.float32(SRGB_PEAK)], axis=-1)
    return Parts(
        name=lightmap.name,
        family=archive.model_type,
        mlp=mlp,
        tensors=_tensors_of(decoder.stored_inputs()) if archive.model_type == "gridmlp" else {},
        latents=latents,
        baseline=baseline,
        valid=lightmap.valid,
        metadata={
            "version": archive.metadata["version"],
            "model_type": archive.model_type,
            "name": lightmap.name,
            "height": lightmap.height,
            "width": lightmap.width,
            "transfer": lightmap.transfer,
            "hours": [float(time_h) for time_h in lightmap.hours],
            **_fields_of(model),
        },
    )


def _graph_of(model: bytes) -> onnx.GraphProto:
    return onnx.load_from_string(model).graph


def _constants_of(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    return {one.name: numpy_helper.to_array(one) for one in graph.initializer}


def _dtype_of(constants: Mapping[str, np.ndarray]) -> str:
    """How `gridmlp/frame_graph.py` was told to store weights."""
    return "int8" if "weight_1_int8" in constants else "fp16" if "weight_1_fp16" in constants else "fp32"


def _is_same(stored: onnx.GraphProto, made: onnx.GraphProto) -> bool:
    """Whether two graphs compute the same: the archive's, which may be of others, and one of the parts."""
    stored_values, made_values = _constants_of(stored), _constants_of(made)
    return (
        list(stored.node) == list(made.node)
        and list(stored.output) == list(made.output)
        and stored_values.keys() == made_values.keys()
        and all(
            values.dtype == made_values[name].dtype
            and values.shape == made_values[name].shape
            and np.allclose(values, made_values[name], MOST_ERROR, MOST_ERROR)
            for name, values in stored_values.items()
        )
    )


def _fields_of(model: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in model.items() if name not in ("graphs", "storage", "latent", "f1")}
    if fields.get("hash") and (fields["hash"].get("probes") or 1) > 1:
        fields["hash"] = None  # the tensors are dense grids
    if fields.get("hash"):
        hashing, n_levels = fields["hash"], len(fields["levels"])
        layers = list(range(n_levels - hashing["top_levels"], n_levels))
        fields["hash"] = {**hashing, "layers": layers, "merge": MERGES[hashing["merge"]]}
    return fields


def _tensors_of(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Inputs of the graph `latents` with channels last."""
    tensors = {}
    for name, values in inputs.items():
        if name.startswith("merge_"):
            tensors[name] = values
        elif values.ndim == 2:
            tensors[name.replace("grid", "hash")] = np.ascontiguousarray(values.T)
        else:
            tensors["f0" if name == "encoder" else name] = np.ascontiguousarray(values.transpose(1, 2, 0))
    return tensors


def _mlp_of(constants: Mapping[str, np.ndarray], n_layers: int, n_features: int) -> dict[str, np.ndarray]:
    """What `gridmlp/frame_graph.py` stored.

    Raises:
        KeyError: an initializer is missing.
        IndexError, ValueError: one is of another shape.
    """

    def weight(name: str) -> np.ndarray:
        if f"{name}_int8" in constants:
            return np.asarray(constants[f"{name}_int8"] * constants[f"{name}_scale"][:, None], np.float32)
        return np.asarray(constants.get(f"{name}_fp16", constants.get(name)), np.float32)

    def bias(name: str) -> np.ndarray:
        return np.asarray(constants[name][:, 0], np.float32)

    n_inputs = n_features + (3 if "units" in constants else 0)  # the baseline too
    arrays = {"mlp_input_features": weight("weight_features")[:, :n_inputs], "mlp_0_bias": bias("bias_0")}
    for layer in range(1, n_layers + 1):
        unit = np.float32(SRGB_PEAK if layer == n_layers else 1.0)
        arrays[f"mlp_{layer}_weight"] = weight(f"weight_{layer}") / unit
        arrays[f"mlp_{layer}_bias"] = bias(f"bias_{layer}") / unit
    if "bias_embed" not in constants:
        return {**arrays, "mlp_input_time": weight("weight_time")}
    arrays |= {"mlp_film_embed_weight": weight("weight_embed"), "mlp_film_embed_bias": bias("bias_embed")}
    for layer in range(n_layers):
        names = [f"film_{layer}_{part}" for part in ("scale", "shift")]
        arrays[f"mlp_film_{layer}_weight"] = np.concatenate([weight(f"{name}_weight") for name in names])
        scale, shift = (bias(f"{name}_bias") for name in names)
        arrays[f"mlp_film_{layer}_bias"] = np.concatenate([scale - np.float32(1.0), shift])
    return arrays
