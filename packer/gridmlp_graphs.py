"""The two ONNX graphs of the family `gridmlp`. decompressor/FORMAT.md "gridmlp".

`latents`: bilinear lookup of every level, concatenated, with the baseline behind it.
`frame`: the MLP on [latents, time harmonics]; what depends on time alone is computed once per frame as a bias.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from decompressor.gridmlp import HASH_FACTORS, HASH_PRIME
from packer.graph_builder import SRGB_PEAK, GraphBuilder, finish_frame, float_value

MAX_SUMMANDS = 128  # onnxruntime splits longer sums, and where depends on the number of texels and threads


@dataclass(frozen=True)
class HashTables:
    """How the top levels hash.

    Attributes:
        top_levels: How many.
        capacity: M, entries of each.
        seed: Of the hash.
        merge: "mean" or "learned".
    """

    top_levels: int
    capacity: int
    seed: int
    merge: str


@dataclass(frozen=True)
class EncodedBaseline:
    """Shape (channels, rows, columns) of the BaselineEncoder's latents."""

    channels: int
    rows: int
    columns: int


def _axis_corners(
    graph: GraphBuilder, position: str, n_texels: int, n_nodes: int, axis: int, tag: str
) -> tuple[str, str, str]:
    """Lower node, upper node and the upper's weight at texel indices `position`; nodes at cell centres."""
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
    return lower, upper, weight


def _between(graph: GraphBuilder, low: str, high: str, weight: str, tag: str) -> str:
    """low + (high - low) * weight."""
    difference = graph.node("Sub", [high, low], f"{tag}_difference")
    step = graph.node("Mul", [difference, weight], f"{tag}_step")
    return graph.node("Add", [low, step], f"{tag}_out")


def _lookup_axis(
    graph: GraphBuilder, grid: str, position: str, n_texels: int, n_nodes: int, axis: int, tag: str
) -> str:
    """Linear interpolation of (C, rows, columns) along one axis."""
    lower, upper, weight = _axis_corners(graph, position, n_texels, n_nodes, axis, tag)
    low = graph.node("Gather", [grid, lower], f"{tag}_low", axis=axis)
    high = graph.node("Gather", [grid, upper], f"{tag}_high", axis=axis)
    return _between(graph, low, high, weight, tag)


def _lookup_hash(
    graph: GraphBuilder, level: int, shape: tuple[int, int], height: int, width: int, hashing: HashTables, channels: int
) -> str:
    """Bilinear lookup of one hash level: `grid_<level>` (C, M) at the hashed corners, see FORMAT.md "Hash levels"."""
    down, across = f"down_{level}", f"across_{level}"
    top, bottom, row_weight = _axis_corners(graph, "rows", height, shape[0], 1, down)
    left, right, column_weight = _axis_corners(graph, "columns", width, shape[1], 2, across)
    seed = graph.constant(f"hash_{level}_seed", np.array(hashing.seed, np.int64))
    prime = graph.constant(f"hash_{level}_prime", np.array(HASH_PRIME, np.int64))
    capacity = graph.constant(f"hash_{level}_capacity", np.array(hashing.capacity, np.int64))
    maps: list[str] = []
    for table, (a, b) in enumerate(HASH_FACTORS[: 2 if hashing.merge == "learned" else 1]):
        tag = f"hash_{level}_{table}"
        row_factor = graph.constant(f"{tag}_a", np.array(a, np.int64))
        column_factor = graph.constant(f"{tag}_b", np.array(b, np.int64))
        sides: list[str] = []
        for side, column in (("left", left), ("right", right)):
            term = graph.node("Mul", [column, column_factor], f"{tag}_{side}_term")
            corners: list[str] = []
            for end, row in (("top", top), ("bottom", bottom)):
                name = f"{tag}_{side}_{end}"
                row_term = graph.node("Mul", [row, row_factor], f"{name}_row")
                seeded = graph.node("Add", [row_term, seed], f"{name}_seeded")
                rows = graph.node("Unsqueeze", [seeded, "axis_1"], f"{name}_rows")
                mixed = graph.node("Mod", [graph.node("Add", [rows, term], f"{name}_sum"), prime], f"{name}_mixed")
                square = graph.node("Mul", [mixed, mixed], f"{name}_square")
                again = graph.node("Mod", [square, prime], f"{name}_again")
                entry = graph.node("Mod", [again, capacity], f"{name}_entry")
                corners.append(graph.node("Gather", [f"grid_{level}", entry], name, axis=1))
            sides.append(_between(graph, corners[0], corners[1], row_weight, f"{tag}_{side}"))
        maps.append(_between(graph, sides[0], sides[1], column_weight, tag))
    if len(maps) == 1:
        return maps[0]
    tag = f"hash_{level}_merge"
    both = graph.node("Concat", maps, f"{tag}_both", axis=0)
    flat_shape = graph.constant(f"{tag}_as_columns", np.array([2 * channels, -1], np.int64))
    flat = graph.node("Reshape", [both, flat_shape], f"{tag}_columns")
    bias = graph.constant(f"{tag}_bias", np.zeros((channels, 1), np.float32))
    merged = matrix_product(graph, f"merge_{level}", flat, 2 * channels, bias, f"{tag}_merged")
    return graph.node("Reshape", [merged, graph.node("Shape", [maps[0]], f"{tag}_shape")], f"{tag}_map")


def latents_graph(
    level_shapes: list[tuple[int, int]],
    channels: int,
    height: int,
    width: int,
    residual: bool,
    hashing: HashTables | None = None,
    encoded: EncodedBaseline | None = None,
) -> bytes:
    """Build `latents`: `rows` (h,), `columns` (w,) float32 texel indices, `grid_<l>` (C, rows_l, columns_l), and in
    residual mode `baseline` (3, h, w) -> `z` (L C [+ C0] [+ 3], h, w).

    Args:
        level_shapes: (rows, columns) per level.
        channels: C.
        height: H of the lightmap, which `rows` indexes.
        width: W of the lightmap, which `columns` indexes.
        residual: Whether the baseline goes behind the features.
        hashing: The last levels' tables: `grid_<l>` is (C, M) then, and `merge_<l>` (C, 2C) where the merge is learned.
        encoded: The BaselineEncoder's latents, input `encoder`, whose lookup goes behind the levels'.
    """
    graph = GraphBuilder()
    for name, value in (("zero", 0.0), ("half", 0.5), ("one", 1.0)):
        graph.constant(name, np.float32(value))
    graph.constant("axis_1", np.array([1], np.int64))
    inputs = [float_value("rows", ["h"]), float_value("columns", ["w"])]
    parts: list[str] = []
    n_dense = len(level_shapes) - (0 if hashing is None else hashing.top_levels)
    for level, (rows, columns) in enumerate(level_shapes[:n_dense]):
        inputs.append(float_value(f"grid_{level}", [channels, rows, columns]))
        parts.append(_lookup(graph, f"grid_{level}", f"{level}", rows, columns, height, width))
    for level, shape in enumerate(level_shapes[n_dense:], start=n_dense):
        assert hashing is not None
        inputs.append(float_value(f"grid_{level}", [channels, hashing.capacity]))
        if hashing.merge == "learned":
            inputs.append(float_value(f"merge_{level}", [channels, 2 * channels]))
        parts.append(_lookup_hash(graph, level, shape, height, width, hashing, channels))
    if encoded is not None:
        inputs.append(float_value("encoder", [encoded.channels, encoded.rows, encoded.columns]))
        parts.append(_lookup(graph, "encoder", "encoder", encoded.rows, encoded.columns, height, width))
    if residual:
        inputs.append(float_value("baseline", [3, "h", "w"]))
        parts.append("baseline")
    graph.node("Concat", parts, "z", axis=0)
    n_latents = channels * len(level_shapes) + (0 if encoded is None else encoded.channels) + (3 if residual else 0)
    return graph.model("latents", inputs, [float_value("z", [n_latents, "h", "w"])])


def _lookup(graph: GraphBuilder, grid: str, tag: str, rows: int, columns: int, height: int, width: int) -> str:
    """Bilinear lookup of a dense grid."""
    down = _lookup_axis(graph, grid, "rows", height, rows, 1, f"down_{tag}")
    return _lookup_axis(graph, down, "columns", width, columns, 2, f"across_{tag}")


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
        residual: Whether z ends with the baseline.
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
    # the baseline's columns are zero: cheaper than slicing the features out of z for every frame
    weight = np.pad(arrays["mlp_input_features"], ((0, 0), (0, n_latents - n_features)))
    first, first_bias = stored_weight(graph, "weight_features", weight, dtype), "bias_at_time"
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
