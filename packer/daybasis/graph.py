"""The ONNX graph `frame` of the family `daybasis`. decompressor/FORMAT.md "daybasis"."""

from __future__ import annotations

import numpy as np
import onnx

from todpack.decompressor.daybasis.temporal.ramps import HOURS_PER_DAY, gap_lengths

from ..graph_builder import GraphBuilder, finish_frame, float_value


def frame_graph(n_components: int, hours: np.ndarray, transfer: str, curve: str = "none", knee: float = 0.0) -> bytes:
    """Build `frame`.

    Inputs z (K, h, w), time_h (1,), first (1, 3K + 3), steps (3T, 3K + 3), grid (3K + 3,); outputs rgb[, codes]
    and affine.

    What depends on time alone is a handful of operations on small vectors; texels take one matrix product.

    Args:
        n_components: K.
        hours: (T,) stored times.
        transfer: "srgb8" or "linear".
        curve: "none", "square" or "exp", from affine values to radiance; FORMAT.md "Curve".
        knee: Of "exp".
    """
    graph = GraphBuilder()
    matrix, offset, columns = add_temporal_matrix(graph, n_components, n_components, hours)
    values = graph.node("Gemm", [matrix, columns, offset], "values")
    if curve == "square":
        root = graph.node("Relu", [values], "root")
        values = graph.node("Mul", [root, root], "squared")
    elif curve == "exp":
        shifted = graph.node(
            "Sub", [graph.node("Exp", [values], "grown"), graph.constant("knee", np.float32(knee))], "shifted"
        )
        values = graph.node("Relu", [shifted], "risen")
    tables = table_inputs(n_components, len(hours))
    affine = [float_value("affine", [1, 3 * n_components + 3])]
    return finish_frame(graph, values, n_components, transfer, tables, affine)


def table_inputs(n_columns: int, n_hours: int) -> list[onnx.ValueInfoProto]:
    """Inputs that hold the temporal matrix."""
    n_affine = 3 * n_columns + 3
    return [
        float_value("first", [1, n_affine]),
        float_value("steps", [3 * n_hours, n_affine]),
        float_value("grid", [n_affine]),
    ]


def add_temporal_matrix(
    graph: GraphBuilder, n_columns: int, n_components: int, hours: np.ndarray
) -> tuple[str, str, str]:
    """Add what depends on time alone, and the maps as columns.

    Args:
        graph: To add to.
        n_columns: N, of the matrix.
        n_components: K.
        hours: (T,) stored times.

    Returns:
        Names of A(t) (3, N), b(t) (3, 1) and the maps (K, texels); `affine` (1, 3N + 3) holds the first two.
    """
    n_affine = 3 * n_columns + 3
    times = hours.astype(np.float32)
    graph.constant("hours", times)
    graph.constant("gaps", gap_lengths(hours))
    for name, value in (("zero", 0.0), ("one", 1.0), ("day", HOURS_PER_DAY), ("start", float(times[0]))):
        graph.constant(name, np.float32(value))
    early = graph.node("Cast", [graph.node("Less", ["time_h", "start"], "is_early")], "early", to=1)
    time = graph.node("Add", ["time_h", graph.node("Mul", [early, "day"], "shift")], "time")
    since = graph.node("Sub", [time, "hours"], "since")
    u = graph.node("Clip", [graph.node("Div", [since, "gaps"], "progress"), "zero", "one"], "u")
    rest = graph.node("Sub", ["one", u], "rest")
    product = graph.node("Mul", [u, rest], "product")
    ramps = graph.node(
        "Concat", [u, graph.node("Mul", [product, rest], "e"), graph.node("Mul", [product, u], "f")], "ramps", axis=0
    )
    graph.constant("axis_0", np.array([0], np.int64))
    row = graph.node("Unsqueeze", [ramps, "axis_0"], "row")
    moved = graph.node("Add", [graph.node("MatMul", [row, "steps"], "change"), "first"], "moved")
    # back onto the grid: at stored times nothing changes, between them sums of products stay exact as well
    whole = graph.node("Round", [graph.node("Div", [moved, "grid"], "in_steps")], "whole")
    affine = graph.node("Mul", [whole, "grid"], "affine")
    for name, indices in (("from", [0, 0]), ("middle", [0, 3 * n_columns]), ("to", [1, n_affine])):
        graph.constant(name, np.array(indices, np.int64))
    graph.constant("middle_end", np.array([1, 3 * n_columns], np.int64))
    graph.constant("matrix_shape", np.array([3, n_columns], np.int64))
    graph.constant("offset_shape", np.array([3, 1], np.int64))
    graph.constant("columns_shape", np.array([n_components, -1], np.int64))
    matrix = graph.node("Reshape", [graph.node("Slice", [affine, "from", "middle_end"], "a"), "matrix_shape"], "matrix")
    offset = graph.node("Reshape", [graph.node("Slice", [affine, "middle", "to"], "b"), "offset_shape"], "offset")
    columns = graph.node("Reshape", ["z", "columns_shape"], "columns")
    return matrix, offset, columns
