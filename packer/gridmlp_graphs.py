"""The two ONNX graphs of the family `gridmlp`. decompressor/FORMAT.md "gridmlp".

`latents`: bilinear lookup of every level, concatenated, with the baseline behind it.
`frame`: the MLP on [latents, time harmonics]; what depends on time alone is computed once per frame as a bias.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from onnx import TensorProto

from packer.graph_builder import SRGB_PEAK, GraphBuilder, finish_frame, float_value

MAX_SUMMANDS = 128  # onnxruntime splits longer sums, and where depends on the number of texels and threads


def _lookup_axis(
    graph: GraphBuilder, grid: str, position: str, n_texels: int, n_nodes: int, axis: int, tag: str
) -> str:
    """Linear interpolation of (C, rows, columns) along one axis at texel indices `position`; nodes at cell centres."""
    ratio = graph.constant(f"{tag}_ratio", np.float32(n_nodes / n_texels))
    top = graph.constant(f"{tag}_last", np.float32(n_nodes - 1))
    centre = graph.node("Add", [position, "half"], f"{tag}_centre")
    scaled = graph.node("Mul", [centre, ratio], f"{tag}_scaled")
    shifted = graph.node("Sub", [scaled, "half"], f"{tag}_shifted")
    at = graph.node("Clip", [shifted, "zero", top], f"{tag}_at")
    floor = graph.node("Floor", [at], f"{tag}_floor")
    weight = graph.node("Sub", [at, floor], f"{tag}_weight")
    if axis == 1:
        weight = graph.node("Unsqueeze", [weight, "axis_1"], f"{tag}_weight_column")
    lower = graph.node("Cast", [floor], f"{tag}_lower", to=TensorProto.INT64)
    next_floor = graph.node("Min", [graph.node("Add", [floor, "one"], f"{tag}_next"), top], f"{tag}_next_clipped")
    upper = graph.node("Cast", [next_floor], f"{tag}_upper", to=TensorProto.INT64)
    low = graph.node("Gather", [grid, lower], f"{tag}_low", axis=axis)
    high = graph.node("Gather", [grid, upper], f"{tag}_high", axis=axis)
    difference = graph.node("Sub", [high, low], f"{tag}_difference")
    step = graph.node("Mul", [difference, weight], f"{tag}_step")
    return graph.node("Add", [low, step], f"{tag}_out")


def latents_graph(level_shapes: list[tuple[int, int]], channels: int, height: int, width: int, residual: bool) -> bytes:
    """Build `latents`: `rows` (h,), `columns` (w,) float32 texel indices, `grid_<l>` (C, rows_l, columns_l), and in
    residual mode `baseline` (3, h, w) -> `z` (L C [+ 3], h, w).

    Args:
        level_shapes: (rows, columns) per level.
        channels: C.
        height: H of the lightmap, which `rows` indexes.
        width: W of the lightmap, which `columns` indexes.
        residual: Whether the baseline goes behind the features.
    """
    graph = GraphBuilder()
    for name, value in (("zero", 0.0), ("half", 0.5), ("one", 1.0)):
        graph.constant(name, np.float32(value))
    graph.constant("axis_1", np.array([1], np.int64))
    inputs = [float_value("rows", ["h"]), float_value("columns", ["w"])]
    parts: list[str] = []
    for level, (rows, columns) in enumerate(level_shapes):
        grid = f"grid_{level}"
        inputs.append(float_value(grid, [channels, rows, columns]))
        down = _lookup_axis(graph, grid, "rows", height, rows, 1, f"down_{level}")
        parts.append(_lookup_axis(graph, down, "columns", width, columns, 2, f"across_{level}"))
    if residual:
        inputs.append(float_value("baseline", [3, "h", "w"]))
        parts.append("baseline")
    graph.node("Concat", parts, "z", axis=0)
    n_latents = channels * len(level_shapes) + (3 if residual else 0)
    return graph.model("latents", inputs, [float_value("z", [n_latents, "h", "w"])])


def stored_weight(graph: GraphBuilder, name: str, weight: np.ndarray, dtype: str) -> str:
    """Add a weight matrix as fp32, fp16 or int8 (one scale per row) and return its float32 name."""
    if dtype == "fp32":
        return graph.constant(name, weight.astype(np.float32))
    if dtype == "fp16":
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


def frame_graph(arrays: Mapping[str, np.ndarray], n_layers: int, n_features: int, residual: bool, dtype: str) -> bytes:
    """Build `frame`: `z` (n_latents, h, w), `time_h` (1,) -> `rgb` and `codes`, see `finish_frame`.

    Args:
        arrays: The run's MLP arrays, as trainer/gridmlp/export.py names them.
        n_layers: Number of hidden layers.
        n_features: Channels of z before the baseline.
        residual: Whether z ends with the baseline.
        dtype: Storage of the weight matrices: "fp32", "fp16" or "int8"; biases are fp32.
    """
    graph = GraphBuilder()
    time_weight = arrays["mlp_input_time"]
    harmonics = np.arange(1, time_weight.shape[1] // 2 + 1, dtype=np.float32)[None]
    graph.constant("phase_per_hour", (harmonics * np.float32(2.0 * math.pi / 24.0)).astype(np.float32))
    graph.node("Mul", ["time_h", "phase_per_hour"], "phase")
    graph.node(
        "Concat", [graph.node("Sin", ["phase"], "sin"), graph.node("Cos", ["phase"], "cos")], "harmonics", axis=1
    )
    stored_weight(graph, "weight_time", time_weight, dtype)
    graph.constant("bias_0", arrays["mlp_0_bias"].astype(np.float32)[:, None])
    graph.node("Gemm", ["weight_time", "harmonics", "bias_0"], "bias_at_time", transB=1)

    n_latents = n_features + (3 if residual else 0)
    graph.constant("as_columns", np.array([n_latents, -1], np.int64))
    graph.node("Reshape", ["z", "as_columns"], "z_columns")
    # the baseline's columns are zero: cheaper than slicing the features out of z for every frame
    weight = np.pad(arrays["mlp_input_features"], ((0, 0), (0, n_latents - n_features)))
    stored_weight(graph, "weight_features", weight, dtype)
    x = matrix_product(graph, "weight_features", "z_columns", n_latents, "bias_at_time", "linear_0")
    for layer in range(1, n_layers + 1):
        peak = SRGB_PEAK if layer == n_layers else 1.0  # the last layer gives codes
        stored_weight(graph, f"weight_{layer}", peak * arrays[f"mlp_{layer}_weight"], dtype)
        graph.constant(f"bias_{layer}", (peak * arrays[f"mlp_{layer}_bias"]).astype(np.float32)[:, None])
        active = graph.node("Relu", [x], f"active_{layer}")
        n_hidden = arrays[f"mlp_{layer}_weight"].shape[1]
        x = matrix_product(graph, f"weight_{layer}", active, n_hidden, f"bias_{layer}", f"linear_{layer}")
    if residual:
        for name, value in (("baseline_start", n_features), ("latents_end", n_latents), ("axis_0", 0)):
            graph.constant(name, np.array([value], np.int64))
        baseline = graph.node("Slice", ["z_columns", "baseline_start", "latents_end", "axis_0"], "baseline")
        x = graph.node("Add", [x, baseline], "with_baseline")
    return finish_frame(graph, x, n_latents, "srgb8")
