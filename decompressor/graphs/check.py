"""Look into an ONNX graph before onnxruntime does: allow-listed operators, nothing external or nested, texels apart.

FORMAT.md "Graphs".
"""

from __future__ import annotations

from .operators import OPERATORS, check_operator
from .shapes import GraphCost, GraphInputs, cost_of
from .wire import OPSET as OPSET
from .wire import Graph, parse_model

ALLOWED_OPERATORS = frozenset(OPERATORS)


def read_graph(model: bytes, inputs: GraphInputs, max_nodes: int) -> tuple[Graph, GraphCost]:
    """`check_graph`, and the graph itself."""
    graph = parse_model(model, max_nodes)
    for node in graph.nodes:
        check_operator(node)
    return graph, cost_of(graph, inputs)


def check_graph(model: bytes, inputs: GraphInputs, max_nodes: int) -> GraphCost:
    """Refuse a model that uses anything but what FORMAT.md allows.

    Args:
        model: Serialized ONNX ModelProto.
        inputs: What will be fed.
        max_nodes: Cap on the number of nodes.

    Returns:
        What the largest run takes, before it is made.

    Raises:
        InvalidGraphError: see the message.
    """
    return read_graph(model, inputs, max_nodes)[1]
