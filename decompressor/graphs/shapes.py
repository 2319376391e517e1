"""How large every value of a graph gets, found before anything runs it. FORMAT.md "Graphs".

Dimensions are monomials of the rows and columns of a run (onnx_dims.py), so no run is larger than the one with the most
rows and columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidGraphError
from .dims import Dim, Value, product
from .operators import MAX_KNOWN, OPERATORS
from .wire import FLOAT, INT64, ITEM_BYTES, MAX_RANK, Constant, Graph

CONSTANT_COPIES = 3  # the model's bytes, the runtime's tensor, and one packed for products


@dataclass(frozen=True)
class GraphInputs:
    """What a decoder is going to feed to a graph, all of it float32.

    Attributes:
        shapes: Shape of each input by name; dimensions are numbers, ROWS or COLUMNS.
        rows: Most rows of a run.
        columns: Most columns of a run.
    """

    shapes: Mapping[str, Sequence[int | Dim]]
    rows: int = 1
    columns: int = 1


def _of_constant(constant: Constant) -> Value:
    known = None
    if constant.dtype == INT64 and len(constant.shape) == 1 and constant.shape[0] <= MAX_KNOWN:
        known = tuple(Dim(int(n)) for n in np.frombuffer(constant.data, "<i8"))
    return Value(constant.dtype, tuple(Dim(n) for n in constant.shape), known)


def _of_inputs(graph: Graph, inputs: GraphInputs) -> dict[str, Value]:
    """The graph's inputs with the shapes that will be fed; what the graph says of them must agree."""
    if set(graph.inputs) != set(inputs.shapes):
        raise InvalidGraphError(
            f"expected inputs {', '.join(sorted(inputs.shapes))}, found {sorted(graph.inputs)!s:.200}"
        )
    values: dict[str, Value] = {}
    for name, (dtype, declared) in graph.inputs.items():
        shape = tuple(d if isinstance(d, Dim) else Dim(d) for d in inputs.shapes[name])
        # a number where runs differ, or another number: the runtime would work out other shapes than are found here
        agrees = len(declared) == len(shape) and all(
            said is None or (d.fixed and said == d.c) for said, d in zip(declared, shape, strict=True)
        )
        if dtype != FLOAT or not agrees:
            raise InvalidGraphError(f"input {name}: expected float32 of another shape than {list(declared)!s:.80}")
        values[name] = Value(dtype, shape)
    return values


def working_bytes(graph: Graph, inputs: GraphInputs) -> int:
    """Check every node and add up what all values of a run take, initializers included: at least what a runtime takes.

    Args:
        graph: A graph of allowed operators.
        inputs: What will be fed; not counted.

    Raises:
        InvalidGraphError: a node does not fit its inputs, or a shape depends on more than rows and columns.
    """
    values = _of_inputs(graph, inputs)
    total = 0
    for name, constant in graph.constants.items():
        if name in values:
            raise InvalidGraphError(f"{name!r:.40} is an input and an initializer")
        values[name] = _of_constant(constant)
        total += CONSTANT_COPIES * len(constant.data)
    for node in graph.nodes:
        if node.output in values or not node.output:
            raise InvalidGraphError(f"{node.operator}: its output {node.output!r:.40} is there already, or has no name")
        missing = [name for name in node.inputs if name not in values]
        if missing:
            raise InvalidGraphError(f"{node.operator}: expected its input {missing[0]!r:.40} before it, found none")
        value = OPERATORS[node.operator].rule(node, [values[name] for name in node.inputs])
        if len(value.shape) > MAX_RANK or any(d.c < 1 for d in value.shape):
            raise InvalidGraphError(f"{node.operator}: expected 1 to {MAX_RANK} sides, none of them empty")
        values[node.output] = value
        size = product(value.shape)
        total += ITEM_BYTES[value.dtype] * size.c * inputs.rows**size.rows * inputs.columns**size.columns
    absent = [name for name in graph.outputs if name not in values]
    if absent or not graph.outputs:
        raise InvalidGraphError(f"expected its outputs to be made, found none for {absent[:1]}")
    return total
