"""The ONNX graph `frame` of coded maps: a linear path, and hidden units beside it. FORMAT.md "Coded maps"."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from todpack.decompressor.coded_gridmlp import UNITS_PER_COLUMN, more_columns

from ..daybasis.graph import add_temporal_matrix, table_inputs
from ..graph_builder import GraphBuilder, finish_frame, float_value


def coded_frame_graph(gather: np.ndarray, hours: np.ndarray) -> bytes:
    """Build `frame`: rgb = A(t) z + V(t) relu(W z + c(t)) + b(t).

    Inputs z (K, h, w), time_h (1,) and the tables of the temporal matrix, whose N columns are those of A, then of V,
    then those that hold c; outputs rgb, codes and affine.

    Args:
        gather: (U, K) W; stored in half precision.
        hours: (T,) stored times.
    """
    n_units, n_maps = gather.shape
    n_columns = n_maps + more_columns(n_units)
    graph = GraphBuilder()
    whole, offset, columns = add_temporal_matrix(graph, n_columns, n_maps, hours)
    ends = {"maps_from": 0, "units_from": n_maps, "biases_from": n_maps + n_units, "columns_end": n_columns}
    for name, index in {**ends, "second": 1, "first_unit": 0, "units_end": n_units, "axis_rows": 0}.items():
        graph.constant(name, np.array([index], np.int64))
    matrix = graph.node("Slice", [whole, "maps_from", "units_from", "second"], "linear_matrix")
    values = graph.node("Gemm", [matrix, columns, offset], "linear" if n_units else "values")
    if n_units:
        spread = graph.node("Slice", [whole, "units_from", "biases_from", "second"], "spread")
        in_columns = graph.node("Slice", [whole, "biases_from", "columns_end", "second"], "biases_in_columns")
        in_rows = graph.node("Transpose", [in_columns], "biases_in_rows", perm=[1, 0])
        n_places = UNITS_PER_COLUMN * -(-n_units // UNITS_PER_COLUMN)
        graph.constant("biases_shape", np.array([n_places, 1], np.int64))
        listed = graph.node("Reshape", [in_rows, "biases_shape"], "biases_listed")
        biases = graph.node("Slice", [listed, "first_unit", "units_end", "axis_rows"], "biases")
        stored = graph.constant("gather_fp16", gather.astype(np.float16))
        weights = graph.node("Cast", [stored], "gather", to=TensorProto.FLOAT)
        units = graph.node("Relu", [graph.node("Gemm", [weights, columns, biases], "sums")], "units")
        values = graph.node("Gemm", [spread, units, values], "values")
    affine = [float_value("affine", [1, 3 * n_columns + 3])]
    return finish_frame(graph, values, n_maps, "srgb8", table_inputs(n_columns, len(hours)), affine)
