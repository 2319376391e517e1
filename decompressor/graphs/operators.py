"""The operators that a graph may use, and what each does to shapes, as in ONNX's operator set 17. FORMAT.md "Graphs".

Only what keeps texels apart is allowed (dims.py), and shapes come from initializers and from Shape alone, never from
the texels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..errors import InvalidGraphError
from .dims import ONE, Dim, Value, broadcast, layout, product
from .wire import BOOL, FLOAT, INT64, ITEM_BYTES, MAX_RANK, Node

MAX_KNOWN = 64  # items of a vector of numbers that are followed through the graph


def _numbers(value: Value) -> list[int]:
    """The numbers of an initializer."""
    if value.known is None or not all(d.fixed for d in value.known):
        raise InvalidGraphError("expected numbers from an initializer")
    return [d.c for d in value.known]


def axis_of(node: Node, rank: int, default: int | None = None) -> int:
    """The attribute `axis` of a node, for a value of so many sides.

    Raises:
        InvalidGraphError: it is out of range.
    """
    axis = node.attributes.get("axis", default)
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise InvalidGraphError(f"{node.operator}: axis out of range")
    return axis % rank


def _elementwise(node: Node, values: list[Value]) -> Value:
    return Value(values[0].dtype, broadcast(*(v.shape for v in values)))


def _divide(node: Node, values: list[Value]) -> Value:
    """Integers by positive constants only: others end the process in some runtimes (division by 0, least by -1)."""
    known = values[1].known
    if values[0].dtype != FLOAT and (known is None or any(not d.fixed or d.c < 1 for d in known)):
        raise InvalidGraphError(f"{node.operator}: expected a positive constant as divisor of integers")
    return _elementwise(node, values)


def _less(node: Node, values: list[Value]) -> Value:
    return Value(BOOL, broadcast(*(v.shape for v in values)))


def _clip(node: Node, values: list[Value]) -> Value:
    if any(v.shape not in ((), (ONE,)) for v in values[1:]):
        raise InvalidGraphError("Clip: expected single numbers as bounds")
    return Value(values[0].dtype, values[0].shape)


def _cast(node: Node, values: list[Value]) -> Value:
    to = node.attributes.get("to")
    if not isinstance(to, int) or to not in ITEM_BYTES:
        raise InvalidGraphError(f"Cast: type {to!r:.40} is not allowed")
    return Value(to, values[0].shape)


def _dequantize(node: Node, values: list[Value]) -> Value:
    return Value(FLOAT, values[0].shape)


def _concat(node: Node, values: list[Value]) -> Value:
    first = values[0]
    axis = axis_of(node, len(first.shape))
    total = 0
    for value in values:
        rest = [d for i, d in enumerate(value.shape) if i != axis]
        if len(value.shape) != len(first.shape) or rest != [d for i, d in enumerate(first.shape) if i != axis]:
            raise InvalidGraphError("Concat: shapes do not go together")
        if not value.shape[axis].fixed:
            raise InvalidGraphError("Concat: texels stay apart; expected a side that does not depend on the run")
        total += value.shape[axis].c
    shape = (*first.shape[:axis], Dim(total), *first.shape[axis + 1 :])
    rows = [value.known for value in values]
    if len(shape) == 1 and total <= MAX_KNOWN and None not in rows:
        return Value(first.dtype, shape, tuple(dim for row in rows for dim in row or ()))
    if any(value.of_run for value in values):  # beside numbers that are not known they would be known no longer
        raise InvalidGraphError("Concat: sizes of the run make a shape, nothing else")
    return Value(first.dtype, shape)


def _gather(node: Node, values: list[Value]) -> Value:
    source, indices = values
    axis = axis_of(node, len(source.shape), 0)
    if not source.shape[axis].fixed:
        raise InvalidGraphError("Gather: texels stay apart; expected a side that does not depend on the run")
    return Value(source.dtype, (*source.shape[:axis], *indices.shape, *source.shape[axis + 1 :]))


def _gemm(node: Node, values: list[Value]) -> Value:
    if any(len(v.shape) != 2 for v in values[:2]):
        raise InvalidGraphError("Gemm: expected matrices")
    (rows, inner), (inner_b, columns) = (
        value.shape[::-1] if node.attributes.get(name) else value.shape
        for value, name in zip(values[:2], ("transA", "transB"), strict=True)
    )
    if inner != inner_b or (len(values) > 2 and broadcast(values[2].shape, (rows, columns)) != (rows, columns)):
        raise InvalidGraphError("Gemm: shapes do not go together")
    if not inner.fixed:
        raise InvalidGraphError("Gemm: texels stay apart; expected sums over a side that does not depend on the run")
    return Value(values[0].dtype, (rows, columns))


def _matmul(node: Node, values: list[Value]) -> Value:
    a, b = (v.shape for v in values)
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
        raise InvalidGraphError("MatMul: shapes do not go together")
    if not a[-1].fixed:
        raise InvalidGraphError("MatMul: texels stay apart; expected sums over a side that does not depend on the run")
    return Value(values[0].dtype, (*broadcast(a[:-2], b[:-2]), a[-2], b[-1]))


def _reshape(node: Node, values: list[Value]) -> Value:
    wanted = values[1].known
    if wanted is None or any(d.c < 1 and d != Dim(-1) for d in wanted) or wanted.count(Dim(-1)) > 1:
        raise InvalidGraphError("Reshape: expected a shape from initializers and Shape")
    total, given = product(values[0].shape), product([d for d in wanted if d != Dim(-1)])
    left = Dim(total.c // given.c, total.rows - given.rows, total.columns - given.columns)
    if total.c % given.c or min(left.rows, left.columns) < 0 or (left != ONE and Dim(-1) not in wanted):
        raise InvalidGraphError("Reshape: expected a shape of as many items")
    shape = tuple(left if d == Dim(-1) else d for d in wanted)
    if layout(shape) != layout(values[0].shape):
        raise InvalidGraphError("Reshape: texels stay apart; expected rows and columns in their order and whole")
    return Value(values[0].dtype, shape)


def _shape(node: Node, values: list[Value]) -> Value:
    return Value(INT64, (Dim(len(values[0].shape)),), values[0].shape)


def _slice(node: Node, values: list[Value]) -> Value:
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
    return Value(source.dtype, tuple(shape), known)


def _transpose(node: Node, values: list[Value]) -> Value:
    rank = len(values[0].shape)
    perm = node.attributes.get("perm", tuple(range(rank))[::-1])
    if not isinstance(perm, tuple) or sorted(perm) != list(range(rank)):
        raise InvalidGraphError("Transpose: not a permutation")
    return Value(values[0].dtype, tuple(values[0].shape[i] for i in perm))


def _unsqueeze(node: Node, values: list[Value]) -> Value:
    axes, rank = _numbers(values[1]), len(values[0].shape) + len(values[1].known or ())
    if any(not -rank <= a < rank for a in axes) or len({a % rank for a in axes}) != len(axes) or rank > MAX_RANK:
        raise InvalidGraphError("Unsqueeze: axes out of range")
    rest, new = iter(values[0].shape), {a % rank for a in axes}
    return Value(values[0].dtype, tuple(ONE if i in new else next(rest) for i in range(rank)))


class _Operator(NamedTuple):
    """An allowed operator.

    Attributes:
        inputs: How many it takes, at least and at most.
        attributes: Their types.
        rule: What it does to shapes; raises InvalidGraphError.
        item_ns: Nanoseconds for each item that it makes, on one core.
    """

    inputs: tuple[int, int]
    attributes: dict[str, type]
    rule: Callable[[Node, list[Value]], Value]
    item_ns: float = 1.0


_MANY = 1 << 16
BROADCAST_NS = 6.0  # of an item where a small value meets each of many, a few items at a time
MIN_NS = 14.0  # of half floats; of others a third
_UNARY, _BINARY = _Operator((1, 1), {}, _elementwise), _Operator((2, 2), {}, _elementwise, BROADCAST_NS)
OPERATORS = {
    "Add": _BINARY,
    "Cast": _Operator((1, 1), {"to": int}, _cast, 2),
    "Clip": _Operator((3, 3), {}, _clip, 3),
    "Concat": _Operator((1, _MANY), {"axis": int}, _concat, 6),
    "Cos": _Operator((1, 1), {}, _elementwise, 15),
    "DequantizeLinear": _Operator((2, 3), {"axis": int}, _dequantize, 2),
    "Div": _Operator((2, 2), {}, _divide, BROADCAST_NS),
    "Exp": _Operator((1, 1), {}, _elementwise, 5),
    "Floor": _Operator((1, 1), {}, _elementwise, 2),
    "Gather": _Operator((2, 2), {"axis": int}, _gather, 6),
    "Gemm": _Operator((2, 3), {"transA": int, "transB": int}, _gemm, 4),
    "Less": _Operator((2, 2), {}, _less, BROADCAST_NS),
    "MatMul": _Operator((2, 2), {}, _matmul, 4),
    "Min": _Operator((1, _MANY), {}, _elementwise, MIN_NS),
    "Mod": _Operator((2, 2), {}, _divide, 15),
    "Mul": _BINARY,
    "Relu": _UNARY,
    "Reshape": _Operator((2, 2), {}, _reshape),
    "Round": _Operator((1, 1), {}, _elementwise, 6),
    "Shape": _Operator((1, 1), {}, _shape),
    "Sin": _Operator((1, 1), {}, _elementwise, 15),
    "Slice": _Operator((3, 4), {}, _slice, 5),
    "Sub": _BINARY,
    "Transpose": _Operator((1, 1), {"perm": tuple}, _transpose, 8),
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
