"""Common ground of the ONNX graphs: a builder with fixed names, and the outputs that every `frame` has."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from todpack.decompressor.graphs.check import OPSET

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
        """Assemble, check with `onnx.checker` and serialize deterministically."""
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


def finish_frame(
    graph: GraphBuilder,
    columns: str,
    n_latents: int,
    transfer: str,
    more_inputs: list[onnx.ValueInfoProto] | None = None,
    more_outputs: list[onnx.ValueInfoProto] | None = None,
) -> bytes:
    """Turn (3, N) values into the outputs every family's `frame` has, and assemble it.

    `rgb` (3, h, w) float32 as computed; for 8-bit signals also `codes` (h, w, 3) uint8, rounded half to even
    and clipped.
    """
    inputs = [float_value("z", [n_latents, "h", "w"]), float_value("time_h", [1]), *(more_inputs or [])]
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
    return graph.model("frame", inputs, [*outputs, *(more_outputs or [])])
