"""The ONNX graph `frame` of the family `gridmlp`: the MLP on [latents, time harmonics]; what depends on time alone is
computed once per frame. decompressor/FORMAT.md "gridmlp".
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from onnx import TensorProto

from ..errors import PackError
from ..graph_builder import SRGB_PEAK, GraphBuilder, finish_frame

LARGEST_HALF = 65504.0  # of float16
MAX_SUMMANDS = 128  # onnxruntime splits longer sums, and where depends on the number of texels and threads


def stored_weight(graph: GraphBuilder, name: str, weight: np.ndarray, dtype: str) -> str:
    """Add a weight matrix as fp32, fp16 or int8 (one scale per row) and return its float32 name."""
    if dtype == "fp32":
        return graph.constant(name, weight.astype(np.float32))
    if dtype == "fp16":
        if (largest := float(np.abs(weight).max())) > LARGEST_HALF:
            raise PackError(
                f"{name} as fp16: expected numbers up to {LARGEST_HALF:g}, found {largest:g}; fp32 takes them"
            )
        stored = graph.constant(f"{name}_fp16", weight.astype(np.float16))
        return graph.node("Cast", [stored], name, to=TensorProto.FLOAT)
    peak = np.abs(weight).max(axis=1)
    scale = np.where(peak > 0, peak / 127.0, 1.0).astype(np.float32)
    codes = np.clip(np.rint(weight / scale[:, None]), -127, 127).astype(np.int8)
    stored, scales = graph.constant(f"{name}_int8", codes), graph.constant(f"{name}_scale", scale)
    zeros = graph.constant(f"{name}_zero", np.zeros(len(scale), np.int8))
    return graph.node("DequantizeLinear", [stored, scales, zeros], name, axis=0)


def matrix_product(graph: GraphBuilder, weight: str, columns: str, n_summands: int, bias: str, output: str) -> str:
    """Add `weight` (M, n_summands) times `columns` (n_summands, N) plus `bias` (M, 1), added up in one order whatever
    N is, so that a texel has one value in every region."""
    if n_summands <= MAX_SUMMANDS:
        return graph.node("Gemm", [weight, columns, bias], output)
    graph.constant(f"{output}_rows", np.array([0], np.int64))
    graph.constant(f"{output}_columns", np.array([1], np.int64))
    total = bias
    for start in range(0, n_summands, MAX_SUMMANDS):
        end, part = min(start + MAX_SUMMANDS, n_summands), f"{output}_{start}"
        first = graph.constant(f"{part}_start", np.array([start], np.int64))
        last = graph.constant(f"{part}_end", np.array([end], np.int64))
        matrix = graph.node("Slice", [weight, first, last, f"{output}_columns"], f"{part}_weight")
        vectors = graph.node("Slice", [columns, first, last, f"{output}_rows"], f"{part}_vectors")
        total = graph.node("Gemm", [matrix, vectors, total], output if end == n_summands else part)
    return total


def _time_bias(graph: GraphBuilder, arrays: Mapping[str, np.ndarray], dtype: str) -> None:
    """Time as an input of the first layer: `bias_at_time` (hidden, 1), which is all that it costs."""
    stored_weight(graph, "weight_time", arrays["mlp_input_time"], dtype)
    graph.constant("bias_0", arrays["mlp_0_bias"].astype(np.float32)[:, None])
    graph.node("Gemm", ["weight_time", "harmonics", "bias_0"], "bias_at_time", transB=1)


def _film(graph: GraphBuilder, arrays: Mapping[str, np.ndarray], n_layers: int, dtype: str) -> None:
    """Time as `film_<i>_scale` and `film_<i>_shift` (hidden, 1) of each layer."""
    stored_weight(graph, "weight_embed", arrays["mlp_film_embed_weight"], dtype)
    graph.constant("bias_embed", arrays["mlp_film_embed_bias"].astype(np.float32)[:, None])
    graph.node("Gemm", ["weight_embed", "harmonics", "bias_embed"], "embed_linear", transB=1)
    graph.node("Relu", ["embed_linear"], "embedding")
    for layer in range(n_layers):
        hidden = arrays[f"mlp_film_{layer}_weight"].shape[0] // 2
        for part, rows, start in (("scale", slice(0, hidden), 1.0), ("shift", slice(hidden, None), 0.0)):
            tag = f"film_{layer}_{part}"
            stored_weight(graph, f"{tag}_weight", arrays[f"mlp_film_{layer}_weight"][rows], dtype)
            bias = np.float32(start) + arrays[f"mlp_film_{layer}_bias"][rows].astype(np.float32)
            graph.constant(f"{tag}_bias", bias[:, None])
            graph.node("Gemm", [f"{tag}_weight", "embedding", f"{tag}_bias"], tag)


def _modulate(graph: GraphBuilder, weight: str, bias: str, layer: int) -> tuple[str, str]:
    """Scale and shift a layer's weight and bias once per frame, so that no texel pays for it."""
    scale, shift = f"film_{layer}_scale", f"film_{layer}_shift"
    scaled = graph.node("Mul", [bias, scale], f"{bias}_scaled")
    return graph.node("Mul", [weight, scale], f"{weight}_at_time"), graph.node("Add", [scaled, shift], f"{bias}_film")


def frame_graph(arrays: Mapping[str, np.ndarray], n_layers: int, n_features: int, residual: bool, dtype: str) -> bytes:
    """Build `frame`: `z` (n_latents, h, w), `time_h` (1,) -> `rgb` and `codes`, see `finish_frame`.

    Args:
        arrays: The run's MLP arrays, as trainer/gridmlp/export.py names them.
        n_layers: Number of hidden layers.
        n_features: Channels of z before the baseline.
        residual: Whether z ends with the baseline; `mlp_input_features` may have three columns for it.
        dtype: Storage of the weight matrices: "fp32", "fp16" or "int8"; biases are fp32.
    """
    graph = GraphBuilder()
    has_film = "mlp_film_embed_weight" in arrays
    time_weight = arrays["mlp_film_embed_weight" if has_film else "mlp_input_time"]
    harmonics = np.arange(1, time_weight.shape[1] // 2 + 1, dtype=np.float32)[None]
    graph.constant("phase_per_hour", (harmonics * np.float32(2.0 * math.pi / 24.0)).astype(np.float32))
    graph.node("Mul", ["time_h", "phase_per_hour"], "phase")
    graph.node(
        "Concat", [graph.node("Sin", ["phase"], "sin"), graph.node("Cos", ["phase"], "cos")], "harmonics", axis=1
    )
    if has_film:
        _film(graph, arrays, n_layers, dtype)
    else:
        _time_bias(graph, arrays, dtype)

    n_latents = n_features + (3 if residual else 0)
    graph.constant("as_columns", np.array([n_latents, -1], np.int64))
    graph.node("Reshape", ["z", "as_columns"], "z_columns")
    # where the baseline is no input, its columns are zero: cheaper than slicing the features out of z for every frame
    inputs = arrays["mlp_input_features"]
    weight = np.pad(inputs, ((0, 0), (0, n_latents - inputs.shape[1])))
    first, first_bias = stored_weight(graph, "weight_features", weight, dtype), "bias_at_time"
    if inputs.shape[1] > n_features:  # the trained input is the baseline in units of 255 codes
        units = np.where(np.arange(n_latents) < n_features, 1.0, 1.0 / SRGB_PEAK).astype(np.float32)
        first = graph.node("Mul", [first, graph.constant("units", units[None])], "weight_inputs")
    if has_film:
        graph.constant("bias_0", arrays["mlp_0_bias"].astype(np.float32)[:, None])
        first, first_bias = _modulate(graph, first, "bias_0", 0)
    x = matrix_product(graph, first, "z_columns", n_latents, first_bias, "linear_0")
    for layer in range(1, n_layers + 1):
        peak = SRGB_PEAK if layer == n_layers else 1.0  # the last layer gives codes
        matrix = stored_weight(graph, f"weight_{layer}", peak * arrays[f"mlp_{layer}_weight"], dtype)
        bias = graph.constant(f"bias_{layer}", (peak * arrays[f"mlp_{layer}_bias"]).astype(np.float32)[:, None])
        if has_film and layer < n_layers:
            matrix, bias = _modulate(graph, matrix, bias, layer)
        active = graph.node("Relu", [x], f"active_{layer}")
        n_hidden = arrays[f"mlp_{layer}_weight"].shape[1]
        x = matrix_product(graph, matrix, active, n_hidden, bias, f"linear_{layer}")
    if residual:
        for name, value in (("baseline_start", n_features), ("latents_end", n_latents), ("axis_0", 0)):
            graph.constant(name, np.array([value], np.int64))
        baseline = graph.node("Slice", ["z_columns", "baseline_start", "latents_end", "axis_0"], "baseline")
        x = graph.node("Add", [x, baseline], "with_baseline")
    return finish_frame(graph, x, n_latents, "srgb8")
