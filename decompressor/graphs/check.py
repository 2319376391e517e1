"""Look into an ONNX graph before onnxruntime does: allow-listed operators, nothing external or nested, texels apart.

FORMAT.md "Graphs".
"""

from __future__ import annotations

from functools import lru_cache

from .operators import OPERATORS, check_operator
from .shapes import GraphCost, GraphInputs, cost_of
from .wire import OPSET as OPSET
from .wire import Graph, parse_model

ALLOWED_OPERATORS = frozenset(OPERATORS)
KEPT, KEPT_BYTES = 16, 1 << 12
"""Graphs of at most so many bytes that a process remembers: most archives have the same one."""


def read_graph(model: bytes, inputs: GraphInputs, max_nodes: int) -> tuple[Graph, GraphCost]:
    """`check_graph`, and the graph itself, which is shared: do not write."""
    return (_remembered if len(model) <= KEPT_BYTES else _read_graph)(model, inputs, max_nodes)


def _read_graph(model: bytes, inputs: GraphInputs, max_nodes: int) -> tuple[Graph, GraphCost]:
    graph = parse_model(model, max_nodes)
    for node in graph.nodes:
        check_operator(node)
    return graph, cost_of(graph, inputs)


_remembered = lru_cache(maxsize=KEPT)(_read_graph)


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
