"""Look into an ONNX graph before onnxruntime does: allow-listed operators, nothing external or nested, bounded sizes.

FORMAT.md "Graphs".
"""

from __future__ import annotations

from .operators import OPERATORS, check_operator
from .shapes import GraphInputs, working_bytes
from .wire import OPSET as OPSET
from .wire import parse_model

ALLOWED_OPERATORS = frozenset(OPERATORS)


def check_graph(model: bytes, inputs: GraphInputs, max_nodes: int) -> int:
    """Refuse a model that uses anything but what FORMAT.md allows.

    Args:
        model: Serialized ONNX ModelProto.
        inputs: What will be fed.
        max_nodes: Cap on the number of nodes.

    Returns:
        Bytes of all values of the largest run, before it is made.

    Raises:
        InvalidGraphError: see the message.
    """
    graph = parse_model(model, max_nodes)
    for node in graph.nodes:
        check_operator(node)
    return working_bytes(graph, inputs)
