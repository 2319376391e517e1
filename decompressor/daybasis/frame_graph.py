"""What a graph `frame` of the family computes, read off its nodes: the affine map and its curve, or something else.

An archive may hold any graph that keeps texels apart. One that is written as FORMAT.md "Frame graph" says may be
computed in any order, and texel by texel without a runtime; of another one only a runtime knows the values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..graphs.wire import FLOAT, INT64, UINT8, Graph, Node

SAME_ORDER = ("Reshape", "Unsqueeze")


@dataclass(frozen=True)
class AffineFrame:
    """A frame that is A(t) z + b(t), then a curve.

    Attributes:
        curve: "none", "square" or "exp".
        knee: Of "exp".
        has_codes: Whether its output `codes` is `rgb`, rounded and clipped.
    """

    curve: str
    knee: np.float32
    has_codes: bool


class _Reader:
    """Walks from outputs to inputs; names are those of values."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._made = {node.output: node for node in graph.nodes}

    def node(self, name: str, operator: str, n_inputs: int) -> Node | None:
        """The node that makes a value, if it is one of this operator without attributes."""
        found = self._made.get(name)
        is_it = found is not None and found.operator == operator and len(found.inputs) == n_inputs
        return found if is_it and found is not None and not found.attributes else None

    def behind(self, name: str, operators: Sequence[str] = SAME_ORDER) -> str:
        """The value that this one is, moved by these operators alone."""
        while name in self._made and self._made[name].operator in operators:
            name = self._made[name].inputs[0]
        return name

    def numbers(self, name: str, dtype: int) -> list[float] | None:
        constant = self._graph.constants.get(name)
        if constant is None or constant.dtype != dtype:
            return None
        found: list[float] = np.frombuffer(constant.data, "<i8" if dtype == INT64 else "<f4").tolist()
        return found

    def is_part_of_affine(self, name: str, start: int, end: int) -> bool:
        """Whether a value is `affine[:, start:end]` in its order."""
        node = self.node(self.behind(name), "Slice", 3)
        if node is None or node.inputs[0] != "affine":
            return False
        return [self.numbers(name, INT64) for name in node.inputs[1:]] == [[0, start], [1, end]]

    def is_affine(self, name: str, n_components: int) -> bool:
        """Whether a value is A z + b of the graph's output `affine`."""
        node = self.node(name, "Gemm", 3)
        if node is None:
            return False
        matrix, columns, offset = node.inputs
        n = 3 * n_components
        return (
            self.is_part_of_affine(matrix, 0, n)
            and self.is_part_of_affine(offset, n, n + 3)
            and self.behind(columns) == "z"
        )

    def curve(self, name: str) -> tuple[str, str, np.float32]:
        """A curve, what it is applied to, and its knee."""
        product, root = self.node(name, "Mul", 2), self.node(name, "Relu", 1)
        if product is not None and product.inputs[0] == product.inputs[1]:
            square = self.node(product.inputs[0], "Relu", 1)
            if square is not None:
                return "square", square.inputs[0], np.float32(0)
        shifted = None if root is None else self.node(root.inputs[0], "Sub", 2)
        grown = None if shifted is None else self.node(shifted.inputs[0], "Exp", 1)
        knee = None if shifted is None else self.numbers(shifted.inputs[1], FLOAT)
        if grown is not None and knee is not None and len(knee) == 1 and math.isfinite(knee[0]):
            return "exp", grown.inputs[0], np.float32(knee[0])
        return "none", name, np.float32(0)

    def are_codes(self, name: str, rgb: str) -> bool:
        """Whether a value is `rgb`, rounded, clipped to 0..255 and cast, with the channels moved to the end."""
        cast = self._made.get(self.behind(name, (*SAME_ORDER, "Transpose")))
        if cast is None or cast.operator != "Cast" or cast.attributes != {"to": UINT8}:
            return False
        clip = self.node(self.behind(cast.inputs[0]), "Clip", 3)
        if clip is None or [self.numbers(bound, FLOAT) for bound in clip.inputs[1:]] != [[0.0], [255.0]]:
            return False
        rounded = self.node(self.behind(clip.inputs[0]), "Round", 1)
        return rounded is not None and self.behind(rounded.inputs[0]) == rgb


def _has_more(graph: Graph) -> bool:
    """Whether a checked graph has nodes or constants that its outputs do not need: the standard one has none."""
    needed = set(graph.outputs)
    for node in reversed(graph.nodes):
        if node.output not in needed:
            return True
        needed.update(node.inputs)
    return not needed.issuperset(graph.constants)


def read_affine_frame(graph: Graph, n_components: int) -> AffineFrame | None:
    """Read a graph whose outputs have the shapes of FORMAT.md "Frame graph"; None where it is another one."""
    if not {"rgb", "affine"} <= set(graph.outputs) or _has_more(graph):
        return None
    reader = _Reader(graph)
    rgb = reader.behind("rgb")
    curve, values, knee = reader.curve(rgb)
    if not reader.is_affine(values, n_components):
        return None
    return AffineFrame(curve, knee, "codes" in graph.outputs and reader.are_codes("codes", rgb))
