"""Look into an ONNX graph before onnxruntime does: allow-listed operators, nothing external or nested, bounded sizes.

FORMAT.md "Graphs".
"""

from __future__ import annotations

from decompressor.errors import LimitExceededError
from decompressor.onnx_shapes import OPERATORS, GraphInputs, check_operator, working_bytes
from decompressor.onnx_wire import OPSET as OPSET
from decompressor.onnx_wire import parse_model

ALLOWED_OPERATORS = frozenset(OPERATORS)


def check_graph(model: bytes, inputs: GraphInputs, max_nodes: int, max_bytes: int) -> int:
    """Refuse a model that uses anything but what FORMAT.md allows, or that would take too much memory.

    Args:
        model: Serialised ONNX ModelProto.
        inputs: What will be fed.
        max_nodes: Cap on the number of nodes.
        max_bytes: Cap on the bytes of all values of the largest run.

    Returns:
        These bytes.

    Raises:
        InvalidGraphError: see the message.
        LimitExceededError: over max_bytes.
    """
    graph = parse_model(model, max_nodes)
    for node in graph.nodes:
        check_operator(node)
    n_bytes = working_bytes(graph, inputs)
    if n_bytes > max_bytes:
        raise LimitExceededError(f"the graph takes {n_bytes} bytes, over the limit of {max_bytes} for this file")
    return n_bytes
