"""The ONNX graph `latents` of the family `gridmlp`: bilinear lookup of every level, dense or hashed, with the
encoder's latents and the baseline behind. decompressor/FORMAT.md "gridmlp".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from todpack.decompressor.gridmlp import HASH_FACTORS, HASH_PRIME

from ..graph_builder import GraphBuilder, float_value
from .frame_graph import matrix_product


@dataclass(frozen=True)
class HashTables:
    """How the top levels hash.

    Attributes:
        top_levels: How many.
        capacity: M, entries of each.
        seed: Seed of the hash.
        merge: "mean" or "learned".
    """

    top_levels: int
    capacity: int
    seed: int
    merge: str


def _axis_corners(
    graph: GraphBuilder, position: str, n_texels: int, n_nodes: int, axis: int, tag: str
) -> tuple[str, str, str]:
    """Lower node, upper node and the upper's weight at texel indices `position`; nodes at cell centers."""
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
    encoded: tuple[int, ...] | None = None,
    xy: tuple[int, bool] = (0, False),
) -> bytes:
    """Build `latents`: `rows` (h,), `columns` (w,) float32 texel indices, `grid_<l>` (C, rows_l, columns_l), and in
    residual mode `baseline` (3, h, w) -> `z` (L C [+ C0] [+ 4N] [+ 2] [+ 3], h, w).

    Args:
        level_shapes: (rows, columns) per level.
        channels: C.
        height: H of the lightmap, which `rows` indexes.
        width: W of the lightmap, which `columns` indexes.
        residual: Whether the baseline goes behind the features.
        hashing: The last levels' tables: `grid_<l>` is (C, M) then, and `merge_<l>` (C, 2C) where the merge is learned.
        encoded: (C0, rows, columns) of the BaselineEncoder's latents, input `encoder`, looked up behind the levels.
        xy: N harmonics of the place, and whether the place itself, behind these.
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
        inputs.append(float_value("encoder", list(encoded)))
        parts.append(_lookup(graph, "encoder", "encoder", encoded[1], encoded[2], height, width))
    if xy != (0, False):
        parts += _coordinates(graph, height, width, *xy)
    if residual:
        inputs.append(float_value("baseline", [3, "h", "w"]))
        parts.append("baseline")
    graph.node("Concat", parts, "z", axis=0)
    n_latents = channels * len(level_shapes) + (0 if encoded is None else encoded[0]) + (3 if residual else 0)
    n_latents += 4 * xy[0] + 2 * xy[1]
    return graph.model("latents", inputs, [float_value("z", [n_latents, "h", "w"])])


def _lookup(graph: GraphBuilder, grid: str, tag: str, rows: int, columns: int, height: int, width: int) -> str:
    """Bilinear lookup of a dense grid."""
    down = _lookup_axis(graph, grid, "rows", height, rows, 1, f"down_{tag}")
    return _lookup_axis(graph, down, "columns", width, columns, 2, f"across_{tag}")


def _coordinates(graph: GraphBuilder, height: int, width: int, n_harmonics: int, include_input: bool) -> list[str]:
    """Maps (n, h, w) of x, then of y; sines are taken once per row and column."""
    graph.constant("axis_0", np.array([0], np.int64))
    graph.constant("axis_2", np.array([2], np.int64))
    flat = {
        "x": graph.node("Unsqueeze", [graph.node("Mul", ["rows", "zero"], "x_zeros"), "axis_1"], "x_other"),
        "y": graph.node("Mul", ["columns", "zero"], "y_other"),
    }
    maps: list[str] = []
    for axis, position, n_texels, line in (("x", "columns", width, "axis_1"), ("y", "rows", height, "axis_2")):
        centre = graph.node("Add", [position, "half"], f"{axis}_centre")
        side = graph.constant(f"{axis}_side", np.float32(1.0 / n_texels))
        place = graph.node("Unsqueeze", [graph.node("Mul", [centre, side], f"{axis}_place"), "axis_0"], f"{axis}_row")
        rows = [place] if include_input else []
        if n_harmonics:
            turns = 2.0 * math.pi * np.arange(1, n_harmonics + 1, dtype=np.float32)[:, None]
            graph.constant(f"{axis}_turns", turns.astype(np.float32))
            phase = graph.node("Mul", [place, f"{axis}_turns"], f"{axis}_phase")
            rows += [graph.node("Sin", [phase], f"{axis}_sin"), graph.node("Cos", [phase], f"{axis}_cos")]
        lines = graph.node("Concat", rows, f"{axis}_lines", axis=0)
        over = graph.node("Unsqueeze", [lines, line], f"{axis}_over")
        maps.append(graph.node("Add", [over, flat[axis]], f"{axis}_map"))
    return maps
