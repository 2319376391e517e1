"""Whether a graph `frame` makes A(t) and b(t) as FORMAT.md "Frame graph" says, so that no runtime is needed for them.

What counts is the structure: the output `affine` must be the same expression as that of the standard graph, whatever
its values are named and in whatever order its nodes stand. frame_graph.py looks at what becomes of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..graphs.wire import FLOAT, INT64, Constant, Graph
from .temporal.ramps import HOURS_PER_DAY, gap_lengths


class Expressions:
    """Numbers for expressions: the same number for the same operation on the same expressions."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[Any, ...], int] = {}

    def _number(self, *parts: Any) -> int:
        return self._numbers.setdefault(parts, len(self._numbers))

    def input(self, name: str) -> int:
        """An input of the graph."""
        return self._number("input", name)

    def constant(self, constant: Constant) -> int:
        """An initializer; one element of any rank is a scalar."""
        shape = constant.shape if math.prod(constant.shape) != 1 else ()
        return self._number("constant", constant.dtype, shape, constant.data)

    def floats(self, values: np.ndarray | float) -> int:
        """A float32 initializer."""
        array = np.asarray(values, "<f4")
        return self.constant(Constant(FLOAT, array.shape, array.tobytes()))

    def integers(self, *values: int) -> int:
        """A list of int64."""
        return self.constant(Constant(INT64, (len(values),), np.array(values, "<i8").tobytes()))

    def node(self, operator: str, *inputs: int, **attributes: Any) -> int:
        """An operation."""
        return self._number(operator, tuple(sorted(attributes.items())), inputs)

    def of(self, graph: Graph) -> dict[str, int]:
        """Every value of a graph that was checked."""
        values = {name: self.input(name) for name in graph.inputs}
        values |= {name: self.constant(constant) for name, constant in graph.constants.items()}
        for node in graph.nodes:
            values[node.output] = self.node(node.operator, *(values[name] for name in node.inputs), **node.attributes)
        return values


def _affine(e: Expressions, hours: np.ndarray) -> int:
    times, time_h = hours.astype(np.float32), e.input("time_h")
    early = e.node("Cast", e.node("Less", time_h, e.floats(times[0])), to=FLOAT)
    time = e.node("Add", time_h, e.node("Mul", early, e.floats(HOURS_PER_DAY)))
    progress = e.node("Div", e.node("Sub", time, e.floats(times)), e.floats(gap_lengths(hours)))
    u = e.node("Clip", progress, e.floats(0.0), e.floats(1.0))
    rest = e.node("Sub", e.floats(1.0), u)
    product = e.node("Mul", u, rest)
    ramps = e.node("Concat", u, e.node("Mul", product, rest), e.node("Mul", product, u), axis=0)
    change = e.node("MatMul", e.node("Unsqueeze", ramps, e.integers(0)), e.input("steps"))
    moved = e.node("Add", change, e.input("first"))
    whole = e.node("Round", e.node("Div", moved, e.input("grid")))
    return e.node("Mul", whole, e.input("grid"))


def makes_standard_matrix(graph: Graph, hours: np.ndarray) -> bool:
    """Whether the output `affine` of a graph that was checked is that of the standard one with these stored times."""
    expressions = Expressions()
    return expressions.of(graph).get("affine") == _affine(expressions, hours)
