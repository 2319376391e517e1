"""The two ONNX graphs of the family `gridmlp`. decompressor/FORMAT.md "gridmlp".

`latents`: bilinear lookup of every level, concatenated, with the baseline behind it.
`frame`: the MLP on [latents, time harmonics]; what depends on time alone is computed once per frame as a bias.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from decompressor.onnx_check import OPSET

IR_VERSION = 8
PRODUCER = "todpack"
SRGB_PEAK = 255.0


class GraphBuilder:
    """Collects nodes and initializers under fixed, readable names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray | np.float32) -> str:
        """Add an initializer."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node with one output."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def model(self, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]) -> bytes:
        """Assemble, check with `onnx.checker` and serialise deterministically."""
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.initializers)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name=PRODUCER
        )
        onnx.checker.check_model(model, full_check=True)
        data: bytes = model.SerializeToString(deterministic=True)
        return data


def float_value(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
    """A float32 input or output."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


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


def finish_frame(graph: GraphBuilder, columns: str, n_latents: int, transfer: str) -> bytes:
    """Turn (3, N) values into the outputs every family's `frame` has, and assemble it.

    `rgb` (3, h, w) float32 as computed; for 8-bit signals also `codes` (h, w, 3) uint8, rounded half to even
    and clipped.
    """
    inputs = [float_value("z", [n_latents, "h", "w"]), float_value("time_h", [1])]
    graph.constant("spatial_start", np.array([1], np.int64))
    graph.constant("spatial_end", np.array([3], np.int64))
    graph.constant("three", np.array([3], np.int64))
    size = graph.node("Slice", [graph.node("Shape", ["z"], "z_shape"), "spatial_start", "spatial_end"], "size")
    graph.node("Reshape", [columns, graph.node("Concat", ["three", size], "rgb_shape", axis=0)], "rgb")
    outputs = [float_value("rgb", [3, "h", "w"])]
    if transfer == "srgb8":
        graph.constant("lowest", np.float32(0.0))
        graph.constant("highest", np.float32(SRGB_PEAK))
        clipped = graph.node("Clip", [graph.node("Round", [columns], "rounded"), "lowest", "highest"], "clipped")
        planes = graph.node("Cast", [clipped], "code_planes", to=TensorProto.UINT8)
        texels = graph.node("Transpose", [planes], "code_texels", perm=[1, 0])
        graph.node("Reshape", [texels, graph.node("Concat", [size, "three"], "codes_shape", axis=0)], "codes")
        outputs.append(helper.make_tensor_value_info("codes", TensorProto.UINT8, ["h", "w", 3]))
    return graph.model("frame", inputs, outputs)


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
    x = graph.node("Gemm", ["weight_features", "z_columns", "bias_at_time"], "linear_0")
    for layer in range(1, n_layers + 1):
        peak = SRGB_PEAK if layer == n_layers else 1.0  # the last layer gives codes
        stored_weight(graph, f"weight_{layer}", peak * arrays[f"mlp_{layer}_weight"], dtype)
        graph.constant(f"bias_{layer}", (peak * arrays[f"mlp_{layer}_bias"]).astype(np.float32)[:, None])
        active = graph.node("Relu", [x], f"active_{layer}")
        x = graph.node("Gemm", [f"weight_{layer}", active, f"bias_{layer}"], f"linear_{layer}")
    if residual:
        for name, value in (("baseline_start", n_features), ("latents_end", n_latents), ("axis_0", 0)):
            graph.constant(name, np.array([value], np.int64))
        baseline = graph.node("Slice", ["z_columns", "baseline_start", "latents_end", "axis_0"], "baseline")
        x = graph.node("Add", [x, baseline], "with_baseline")
    return finish_frame(graph, x, n_latents, "srgb8")
