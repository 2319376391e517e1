"""The ONNX graph `latents` of the family `siren` where F1's weights are stored. decompressor/FORMAT.md "siren"."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..graph_builder import GraphBuilder, float_value
from ..gridmlp.frame_graph import matrix_product, stored_weight


def _centered(graph: GraphBuilder, name: str, n_texels: int) -> str:
    """Texel indices -> coordinates of their centers in [-1, 1]."""
    step = graph.constant(f"{name}_step", np.float32(2.0 / n_texels))
    scaled = graph.node("Mul", [graph.node("Add", [name, "half"], f"{name}_centre"), step], f"{name}_scaled")
    return graph.node("Sub", [scaled, "one"], f"{name}_position")


def siren_graph(
    arrays: Mapping[str, np.ndarray], n_layers: int, height: int, width: int, residual: bool, dtype: str
) -> bytes:
    """Build `latents`: `rows` (h,), `columns` (w,) float32 texel indices, and in residual mode `baseline` (3, h, w) ->
    `z` (D [+ 3], h, w).

    Args:
        arrays: The run's arrays `f1_<i>_weight` and `f1_<i>_bias`, omega_0 multiplied in.
        n_layers: Number of sine layers.
        height: H of the lightmap, which `rows` indexes.
        width: W of the lightmap, which `columns` indexes.
        residual: Whether the baseline goes behind the latents.
        dtype: Storage of the weight matrices but the first: "fp32", "fp16" or "int8"; biases are fp32.
    """
    graph = GraphBuilder()
    for name, value in (("half", 0.5), ("one", 1.0)):
        graph.constant(name, np.float32(value))
    for name, integer in (("axis_1", 1), ("spatial_end", 3)):
        graph.constant(name, np.array([integer], np.int64))
    hidden, latent_dim = len(arrays["f1_0_bias"]), len(arrays[f"f1_{n_layers}_bias"])
    x = _centered(graph, "columns", width)
    y = graph.node("Unsqueeze", [_centered(graph, "rows", height), "axis_1"], "rows_down")
    # its step from texel to texel is a small difference of large numbers: the first layer stays in fp32
    first = arrays["f1_0_weight"].astype(np.float32)
    parts = []
    for tag, column, position in (("across", 0, x), ("down", 1, y)):
        weight = graph.constant(f"f1_0_{tag}", first[:, column, None, None])
        parts.append(graph.node("Mul", [weight, position], tag))
    bias = graph.constant("f1_0_bias", arrays["f1_0_bias"].astype(np.float32)[:, None, None])
    phase = graph.node("Add", [graph.node("Add", [parts[1], bias], "down_biased"), parts[0]], "f1_0")
    size = graph.node("Slice", [graph.node("Shape", [phase], "f1_shape"), "axis_1", "spatial_end"], "size")
    graph.constant("as_columns", np.array([hidden, -1], np.int64))
    values = graph.node("Reshape", [phase, "as_columns"], "f1_0_columns")
    for layer in range(1, n_layers + 1):
        active = graph.node("Sin", [values], f"f1_{layer}_active")
        matrix = stored_weight(graph, f"f1_{layer}_weight", arrays[f"f1_{layer}_weight"], dtype)
        shift = graph.constant(f"f1_{layer}_bias", arrays[f"f1_{layer}_bias"].astype(np.float32)[:, None])
        values = matrix_product(graph, matrix, active, hidden, shift, f"f1_{layer}")
    graph.constant("n_latents", np.array([latent_dim], np.int64))
    as_maps = graph.node("Concat", ["n_latents", size], "z_shape", axis=0)
    inputs = [float_value("rows", ["h"]), float_value("columns", ["w"])]
    if residual:
        inputs.append(float_value("baseline", [3, "h", "w"]))
        maps = graph.node("Reshape", [values, as_maps], "latent_maps")
        graph.node("Concat", [maps, "baseline"], "z", axis=0)
    else:
        graph.node("Reshape", [values, as_maps], "z")
    return graph.model("latents", inputs, [float_value("z", [latent_dim + (3 if residual else 0), "h", "w"])])
