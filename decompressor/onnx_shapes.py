"""How large every value of a graph gets, found before anything runs it. FORMAT.md "Graphs".

Frames and regions come in all sizes, so a dimension is a monomial c h^i w^j of the rows h and columns w of a run. Only
what keeps dimensions so is allowed; then no run is larger than the one with the most rows and columns. The
operators change shapes as in ONNX's operator set 17, and shapes come from initializers and from Shape alone, never
from the texels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from decompressor.errors import InvalidGraphError
from decompressor.onnx_wire import BOOL, FLOAT, INT64, ITEM_BYTES, MAX_RANK, Constant, Graph, Node

CONSTANT_COPIES = 3  # the model's bytes, the runtime's tensor, and one packed for products
MAX_KNOWN = 64  # items of a vector of numbers that are followed through the graph


class Dim(NamedTuple):
    """c h^rows w^columns."""

    c: int
    rows: int = 0
    columns: int = 0

    @property
    def fixed(self) -> bool:
        """Whether it is a number."""
        return not (self.rows or self.columns)


ONE = Dim(1)
ROWS, COLUMNS = Dim(1, 1, 0), Dim(1, 0, 1)
Shape = tuple[Dim, ...]


@dataclass(frozen=True)
class GraphInputs:
    """What a decoder is going to feed to a graph, all of it float32.

    Attributes:
        shapes: By name; dimensions are numbers, ROWS or COLUMNS.
        rows: Most rows of a run.
        columns: Most columns of a run.
    """

    shapes: Mapping[str, Sequence[int | Dim]]
    rows: int = 1
    columns: int = 1


@dataclass(frozen=True)
class _Value:
    """A tensor: element type, shape, and its numbers where they are known (int64 vectors)."""

    dtype: int
    shape: Shape
    known: tuple[Dim, ...] | None = None


def _product(dims: Sequence[Dim]) -> Dim:
    return Dim(math.prod(d.c for d in dims), sum(d.rows for d in dims), sum(d.columns for d in dims))


def _same_or_one(a: Dim, b: Dim) -> Dim:
    if a != b and ONE not in (a, b):
        raise InvalidGraphError("shapes do not go together")
    return b if a == ONE else a


def _broadcast(*shapes: Shape) -> Shape:
    out: Shape = ()
    for shape in shapes:
        longer, shorter = (shape, out) if len(shape) > len(out) else (out, shape)
        padded = (ONE,) * (len(longer) - len(shorter)) + shorter
        out = tuple(_same_or_one(a, b) for a, b in zip(longer, padded, strict=True))
    return out


def _numbers(value: _Value) -> list[int]:
    """The numbers of an initializer."""
    if value.known is None or not all(d.fixed for d in value.known):
        raise InvalidGraphError("expected numbers from an initializer")
    return [d.c for d in value.known]


def _axis(node: Node, rank: int, default: int | None = None) -> int:
    axis = node.attributes.get("axis", default)
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise InvalidGraphError(f"{node.operator}: axis out of range")
    return axis % rank


def _elementwise(node: Node, values: list[_Value]) -> _Value:
    return _Value(values[0].dtype, _broadcast(*(v.shape for v in values)))


def _divide(node: Node, values: list[_Value]) -> _Value:
    """Integers by positive constants only: others end the process in some runtimes (division by 0, least by -1)."""
    known = values[1].known
    if values[0].dtype != FLOAT and (known is None or any(not d.fixed or d.c < 1 for d in known)):
        raise InvalidGraphError(f"{node.operator}: expected a positive constant as divisor of integers")
    return _elementwise(node, values)


def _less(node: Node, values: list[_Value]) -> _Value:
    return _Value(BOOL, _broadcast(*(v.shape for v in values)))


def _clip(node: Node, values: list[_Value]) -> _Value:
    if any(v.shape not in ((), (ONE,)) for v in values[1:]):
        raise InvalidGraphError("Clip: expected single numbers as bounds")
    return _Value(values[0].dtype, values[0].shape)


def _cast(node: Node, values: list[_Value]) -> _Value:
    to = node.attributes.get("to")
    if not isinstance(to, int) or to not in ITEM_BYTES:
        raise InvalidGraphError(f"Cast: type {to!r:.40} is not allowed")
    return _Value(to, values[0].shape)


def _dequantize(node: Node, values: list[_Value]) -> _Value:
    return _Value(FLOAT, values[0].shape)


def _concat(node: Node, values: list[_Value]) -> _Value:
    first = values[0]
    axis = _axis(node, len(first.shape))
    total = 0
    for value in values:
        rest = [d for i, d in enumerate(value.shape) if i != axis]
        if len(value.shape) != len(first.shape) or rest != [d for i, d in enumerate(first.shape) if i != axis]:
            raise InvalidGraphError("Concat: shapes do not go together")
        if value.shape[axis][1:] != first.shape[axis][1:]:
            raise InvalidGraphError("Concat: expected sides of one kind")
        total += value.shape[axis].c
    known: tuple[Dim, ...] | None = ()
    for value in values:
        known = None if known is None or value.known is None else known + value.known
    shape = (*first.shape[:axis], first.shape[axis]._replace(c=total), *first.shape[axis + 1 :])
    return _Value(first.dtype, shape, known if len(shape) == 1 and len(known or ()) <= MAX_KNOWN else None)


def _gather(node: Node, values: list[_Value]) -> _Value:
    source, indices = values
    axis = _axis(node, len(source.shape), 0)
    return _Value(source.dtype, (*source.shape[:axis], *indices.shape, *source.shape[axis + 1 :]))


def _gemm(node: Node, values: list[_Value]) -> _Value:
    if any(len(v.shape) != 2 for v in values[:2]):
        raise InvalidGraphError("Gemm: expected matrices")
    (rows, inner), (inner_b, columns) = (
        value.shape[::-1] if node.attributes.get(name) else value.shape
        for value, name in zip(values[:2], ("transA", "transB"), strict=True)
    )
    if inner != inner_b or (len(values) > 2 and _broadcast(values[2].shape, (rows, columns)) != (rows, columns)):
        raise InvalidGraphError("Gemm: shapes do not go together")
    return _Value(values[0].dtype, (rows, columns))


def _matmul(node: Node, values: list[_Value]) -> _Value:
    a, b = (v.shape for v in values)
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
        raise InvalidGraphError("MatMul: shapes do not go together")
    return _Value(values[0].dtype, (*_broadcast(a[:-2], b[:-2]), a[-2], b[-1]))


def _reshape(node: Node, values: list[_Value]) -> _Value:
    wanted = values[1].known
    if wanted is None or any(d.c < 1 and d != Dim(-1) for d in wanted) or wanted.count(Dim(-1)) > 1:
        raise InvalidGraphError("Reshape: expected a shape from initializers and Shape")
    total, given = _product(values[0].shape), _product([d for d in wanted if d != Dim(-1)])
    left = Dim(total.c // given.c, total.rows - given.rows, total.columns - given.columns)
    if total.c % given.c or min(left.rows, left.columns) < 0 or (left != ONE and Dim(-1) not in wanted):
        raise InvalidGraphError("Reshape: expected a shape of as many items")
    return _Value(values[0].dtype, tuple(left if d == Dim(-1) else d for d in wanted))


def _shape(node: Node, values: list[_Value]) -> _Value:
    return _Value(INT64, (Dim(len(values[0].shape)),), values[0].shape)


def _slice(node: Node, values: list[_Value]) -> _Value:
    source, rank = values[0], len(values[0].shape)
    starts, ends = _numbers(values[1]), _numbers(values[2])
    axes = _numbers(values[3]) if len(values) > 3 else list(range(len(starts)))
    if not len(starts) == len(ends) == len(axes) or any(not -rank <= a < rank for a in axes):
        raise InvalidGraphError("Slice: axes out of range")
    if len({a % rank for a in axes}) != len(axes):
        raise InvalidGraphError("Slice: an axis stands twice")
    shape, known = list(source.shape), source.known
    for start, end, axis in zip(starts, ends, axes, strict=True):
        if not shape[axis].fixed:
            raise InvalidGraphError("Slice: expected a side that does not depend on the run")
        first, last, _ = slice(start, end).indices(shape[axis].c)
        shape[axis] = Dim(max(0, last - first))
        known = None if known is None else known[first:last]
    return _Value(source.dtype, tuple(shape), known)


def _transpose(node: Node, values: list[_Value]) -> _Value:
    rank = len(values[0].shape)
    perm = node.attributes.get("perm", tuple(range(rank))[::-1])
    if not isinstance(perm, tuple) or sorted(perm) != list(range(rank)):
        raise InvalidGraphError("Transpose: not a permutation")
    return _Value(values[0].dtype, tuple(values[0].shape[i] for i in perm))


def _unsqueeze(node: Node, values: list[_Value]) -> _Value:
    axes, rank = _numbers(values[1]), len(values[0].shape) + len(values[1].known or ())
    if any(not -rank <= a < rank for a in axes) or len({a % rank for a in axes}) != len(axes) or rank > MAX_RANK:
        raise InvalidGraphError("Unsqueeze: axes out of range")
    rest, new = iter(values[0].shape), {a % rank for a in axes}
    return _Value(values[0].dtype, tuple(ONE if i in new else next(rest) for i in range(rank)))


class _Operator(NamedTuple):
    """How many inputs an operator takes, its attributes and their types, and what it does to shapes."""

    inputs: tuple[int, int]
    attributes: dict[str, type]
    rule: Callable[[Node, list[_Value]], _Value]


_MANY = 1 << 16
_UNARY, _BINARY = _Operator((1, 1), {}, _elementwise), _Operator((2, 2), {}, _elementwise)
OPERATORS = {
    "Add": _BINARY,
    "Cast": _Operator((1, 1), {"to": int}, _cast),
    "Clip": _Operator((3, 3), {}, _clip),
    "Concat": _Operator((1, _MANY), {"axis": int}, _concat),
    "Cos": _UNARY,
    "DequantizeLinear": _Operator((2, 3), {"axis": int}, _dequantize),
    "Div": _Operator((2, 2), {}, _divide),
    "Exp": _UNARY,
    "Floor": _UNARY,
    "Gather": _Operator((2, 2), {"axis": int}, _gather),
    "Gemm": _Operator((2, 3), {"transA": int, "transB": int}, _gemm),
    "Less": _Operator((2, 2), {}, _less),
    "MatMul": _Operator((2, 2), {}, _matmul),
    "Min": _Operator((1, _MANY), {}, _elementwise),
    "Mod": _Operator((2, 2), {}, _divide),
    "Mul": _BINARY,
    "Relu": _UNARY,
    "Reshape": _Operator((2, 2), {}, _reshape),
    "Round": _UNARY,
    "Shape": _Operator((1, 1), {}, _shape),
    "Sin": _UNARY,
    "Slice": _Operator((3, 4), {}, _slice),
    "Sub": _BINARY,
    "Transpose": _Operator((1, 1), {"perm": tuple}, _transpose),
    "Unsqueeze": _Operator((2, 2), {}, _unsqueeze),
}


def check_operator(node: Node) -> None:
    """Refuse an operator that is not allowed, or with other attributes or another number of inputs than is.

    Raises:
        InvalidGraphError: see the message.
    """
    operator = OPERATORS.get(node.operator)
    if operator is None:
        raise InvalidGraphError(f"operator {node.operator!r:.40} is not allowed")
    least, most = operator.inputs
    if not least <= len(node.inputs) <= most:
        raise InvalidGraphError(f"{node.operator}: {len(node.inputs)} inputs are not allowed")
    for name, value in node.attributes.items():
        if type(value) is not operator.attributes.get(name):
            raise InvalidGraphError(f"{node.operator}: attribute {name!r:.40} is not allowed")


def _of_constant(constant: Constant) -> _Value:
    known = None
    if constant.dtype == INT64 and len(constant.shape) == 1 and constant.shape[0] <= MAX_KNOWN:
        known = tuple(Dim(int(n)) for n in np.frombuffer(constant.data, "<i8"))
    return _Value(constant.dtype, tuple(Dim(n) for n in constant.shape), known)


def _of_inputs(graph: Graph, inputs: GraphInputs) -> dict[str, _Value]:
    """The graph's inputs with the shapes that will be fed; what the graph says of them must agree."""
    if set(graph.inputs) != set(inputs.shapes):
        raise InvalidGraphError(
            f"expected inputs {', '.join(sorted(inputs.shapes))}, found {sorted(graph.inputs)!s:.200}"
        )
    values: dict[str, _Value] = {}
    for name, (dtype, declared) in graph.inputs.items():
        shape = tuple(d if isinstance(d, Dim) else Dim(d) for d in inputs.shapes[name])
        # a number where runs differ, or another number: the runtime would work out other shapes than are found here
        agrees = len(declared) == len(shape) and all(
            said is None or (d.fixed and said == d.c) for said, d in zip(declared, shape, strict=True)
        )
        if dtype != FLOAT or not agrees:
            raise InvalidGraphError(f"input {name}: expected float32 of another shape than {list(declared)!s:.80}")
        values[name] = _Value(dtype, shape)
    return values


def working_bytes(graph: Graph, inputs: GraphInputs) -> int:
    """Check every node and add up what all values of a run take, initializers included: at least what a runtime takes.

    Args:
        graph: Of allowed operators.
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
        size = _product(value.shape)
        total += ITEM_BYTES[value.dtype] * size.c * inputs.rows**size.rows * inputs.columns**size.columns
    absent = [name for name in graph.outputs if name not in values]
    if absent or not graph.outputs:
        raise InvalidGraphError(f"expected its outputs to be made, found none for {absent[:1]}")
    return total
