"""An ONNX model's bytes as plain values: a small reader of the protobuf wire format, strict about what it knows.

It keeps the decoder free of the onnx package. Fields that FORMAT.md "Graphs" does not name are refused, and so are
fields of another wire type and single fields that stand twice, which other readers skip or merge. A model of n allowed
nodes has at most FIELDS_PER_NODE n fields, whatever its size, so reading one takes milliseconds.

Source: onnx.proto (field numbers), protobuf "Encoding".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..errors import InvalidGraphError

OPSET, IR_VERSION = 17, 8
FLOAT, UINT8, INT8, INT64, BOOL, FLOAT16 = 1, 2, 3, 7, 9, 10
ITEM_BYTES = {FLOAT: 4, UINT8: 1, INT8: 1, INT64: 8, BOOL: 1, FLOAT16: 2}
"""Element types of ONNX that graphs may hold, and their sizes."""
MAX_RANK = 8
MAX_NAME_BYTES = 255
FIELDS_PER_NODE = 64

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_NUMBER, _TEXT, _FLOAT32, _NUMBERS, _REPEATED = "number", "text", "float32", "numbers", "repeated"
_Table = Mapping[int, tuple[str, str]]
_MODEL: _Table = {
    1: ("ir_version", _NUMBER), 2: ("producer_name", _TEXT), 3: ("producer_version", _TEXT), 7: ("graph", _REPEATED),
    8: ("opset_import", _REPEATED),
}  # fmt: skip
_GRAPH: _Table = {
    1: ("node", _REPEATED), 2: ("name", _TEXT), 5: ("initializer", _REPEATED), 11: ("input", _REPEATED),
    12: ("output", _REPEATED),
}  # fmt: skip
_NODE: _Table = {
    1: ("input", _REPEATED), 2: ("output", _REPEATED), 3: ("name", _TEXT), 4: ("op_type", _TEXT),
    5: ("attribute", _REPEATED), 7: ("domain", _TEXT),
}  # fmt: skip
_ATTRIBUTE: _Table = {
    1: ("name", _TEXT), 2: ("f", _FLOAT32), 3: ("i", _NUMBER), 8: ("ints", _NUMBERS), 20: ("type", _NUMBER),
}  # fmt: skip
_TENSOR: _Table = {1: ("dims", _NUMBERS), 2: ("data_type", _NUMBER), 8: ("name", _TEXT), 9: ("raw_data", _TEXT)}
_OPSET_ID: _Table = {1: ("domain", _TEXT), 2: ("version", _NUMBER)}
_VALUE_INFO: _Table = {1: ("name", _TEXT), 2: ("type", _TEXT)}
_TYPE: _Table = {1: ("tensor_type", _TEXT)}
_TENSOR_TYPE: _Table = {1: ("elem_type", _NUMBER), 2: ("shape", _TEXT)}
_SHAPE: _Table = {1: ("dim", _REPEATED)}
_DIM: _Table = {1: ("dim_value", _NUMBER), 2: ("dim_param", _TEXT)}
_ATTRIBUTE_TYPES = {1: "f", 2: "i", 7: "ints"}

_Bytes = bytes | memoryview
_Value = int | memoryview
Attribute = int | bytes | tuple[int, ...]


@dataclass(frozen=True)
class Node:
    """One operation; attributes are integers, tuples of them, or the four bytes of a float32."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Attribute]


@dataclass(frozen=True)
class Constant:
    """An initializer: element type, shape, and its little-endian bytes."""

    dtype: int
    shape: tuple[int, ...]
    data: bytes


@dataclass(frozen=True)
class Graph:
    """A model's graph.

    Attributes:
        nodes: In file order.
        constants: Initializers by name.
        inputs: Declared inputs by name: element type and dimensions, each a number, or None if left open.
        outputs: Names.
        n_fields: Fields of the whole model.
        n_text_bytes: Of the whole model, without the initializers' values: names, mostly.
    """

    nodes: tuple[Node, ...]
    constants: dict[str, Constant]
    inputs: dict[str, tuple[int, tuple[int | None, ...]]]
    outputs: tuple[str, ...]
    n_fields: int
    n_text_bytes: int


def _varint(data: _Bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise InvalidGraphError("not a protobuf message")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _raw_fields(data: memoryview) -> Iterator[tuple[int, int, _Value]]:
    """(number, wire type, value) of each field."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == _VARINT:
            number, at = _varint(data, at)
            yield tag >> 3, wire, number
            continue
        if wire == _BYTES:
            length, at = _varint(data, at)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise InvalidGraphError(f"not a protobuf message (wire type {wire})")
        if length > len(data) - at:
            raise InvalidGraphError("not a protobuf message (cut short)")
        yield tag >> 3, wire, data[at : at + length]
        at += length


def _packed(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield _signed(value)


class _Message:
    """A message's fields: single ones by name, repeated ones in lists."""

    def __init__(self, data: memoryview, table: _Table, kind: str, room: _Room) -> None:
        self.kind, self._room = kind, room
        self._single: dict[str, _Value] = {}
        self._lists: dict[str, list[memoryview]] = {}
        self._numbers: dict[str, list[int]] = {}
        for number, wire, value in _raw_fields(data):
            room.take()
            if number not in table:
                raise InvalidGraphError(f"expected only plain fields in {kind}, found field {number}")
            name, holds = table[number]
            if holds == _REPEATED and isinstance(value, memoryview) and wire == _BYTES:
                self._lists.setdefault(name, []).append(value)
            elif holds == _NUMBERS and wire in (_VARINT, _BYTES):
                numbers = self._numbers.setdefault(name, [])
                for one in _packed(value) if isinstance(value, memoryview) else [_signed(value)]:
                    numbers.append(one)
                    if len(numbers) > MAX_RANK:
                        raise InvalidGraphError(f"more than {MAX_RANK} {name} in {kind}")
            elif wire == {_NUMBER: _VARINT, _TEXT: _BYTES, _FLOAT32: _FIXED32}.get(holds):
                if name in self._single:
                    raise InvalidGraphError(f"expected {name} once in {kind}, found it twice")
                self._single[name] = value
            else:
                raise InvalidGraphError(f"{name} of {kind} is of another type (wire type {wire})")

    def __contains__(self, name: str) -> bool:
        return name in self._single or name in self._numbers

    def number(self, name: str, default: int = 0) -> int:
        value = self._single.get(name, default)
        assert isinstance(value, int)
        return _signed(value)

    def data(self, name: str) -> memoryview:
        value = self._single.get(name, memoryview(b""))
        assert isinstance(value, memoryview)
        return value

    def text(self, name: str) -> str:
        return _text(self.data(name), self.kind)

    def messages(self, name: str) -> list[memoryview]:
        return self._lists.get(name, [])

    def children(self, name: str, table: _Table, kind: str) -> list[_Message]:
        return [_Message(part, table, kind, self._room) for part in self.messages(name)]

    def child(self, name: str, table: _Table, kind: str) -> _Message:
        return _Message(self.data(name), table, kind, self._room)

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(_text(value, self.kind) for value in self.messages(name))

    def numbers(self, name: str) -> tuple[int, ...]:
        return tuple(self._numbers.get(name, []))


class _Room:
    """How many more fields a model may have."""

    def __init__(self, fields: int) -> None:
        self._all = self._left = fields

    @property
    def taken(self) -> int:
        return self._all - self._left

    def take(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise InvalidGraphError(f"more than {self._all} fields")


def _text(data: memoryview, kind: str) -> str:
    if len(data) > MAX_NAME_BYTES:
        raise InvalidGraphError(f"a name in {kind} is longer than {MAX_NAME_BYTES} bytes")
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise InvalidGraphError(f"a name in {kind} is not UTF-8") from error


def _attribute(message: _Message) -> tuple[str, Attribute]:
    name, holds = message.text("name"), _ATTRIBUTE_TYPES.get(message.number("type"))
    if holds is None or any(other in message for other in _ATTRIBUTE_TYPES.values() if other != holds):
        raise InvalidGraphError(f"attribute {name!r:.40}: expected a float, an integer or integers, found another")
    if holds == "ints":
        return name, message.numbers("ints")
    return name, message.number("i") if holds == "i" else bytes(message.data("f"))


def _node(message: _Message) -> Node:
    operator = message.text("op_type")
    if message.text("domain"):
        raise InvalidGraphError("expected operators of the standard domain, found a custom one")
    attributes = [_attribute(one) for one in message.children("attribute", _ATTRIBUTE, "an attribute")]
    if len(dict(attributes)) != len(attributes):
        raise InvalidGraphError(f"{operator!r:.40}: an attribute stands twice")
    outputs = message.texts("output")
    if len(outputs) != 1:
        raise InvalidGraphError(f"{operator!r:.40}: expected one output, found {len(outputs)}")
    return Node(operator, message.texts("input"), outputs[0], dict(attributes))


def _constant(message: _Message) -> tuple[str, Constant]:
    name, dtype, shape = message.text("name"), message.number("data_type"), message.numbers("dims")
    raw = message.data("raw_data")
    if dtype not in ITEM_BYTES or len(shape) > MAX_RANK or any(n < 0 for n in shape):
        raise InvalidGraphError(f"initializer {name!r:.40}: type {dtype} of shape {list(shape)!s:.80} is not allowed")
    if math.prod(shape) * ITEM_BYTES[dtype] != len(raw):
        raise InvalidGraphError(
            f"initializer {name!r:.40}: expected {math.prod(shape) * ITEM_BYTES[dtype]} bytes, found {len(raw)}"
        )
    return name, Constant(dtype, shape, bytes(raw))


def _value_info(message: _Message) -> tuple[str, tuple[int, tuple[int | None, ...]]]:
    kind = message.child("type", _TYPE, "a type").child("tensor_type", _TENSOR_TYPE, "a type")
    if "shape" not in kind:
        raise InvalidGraphError(f"{message.text('name')!r:.40}: expected a shape, found none")
    dims = kind.child("shape", _SHAPE, "a shape").children("dim", _DIM, "a dimension")
    if len(dims) > MAX_RANK:
        raise InvalidGraphError(f"{message.text('name')!r:.40}: more than {MAX_RANK} dimensions")
    sizes = tuple(dim.number("dim_value") if "dim_value" in dim else None for dim in dims)
    return message.text("name"), (kind.number("elem_type"), sizes)


def parse_model(model: bytes, max_nodes: int) -> Graph:
    """Read a serialized ModelProto.

    Args:
        model: Its bytes.
        max_nodes: Cap on the number of nodes.

    Raises:
        InvalidGraphError: see the message.
    """
    room = _Room(FIELDS_PER_NODE * max_nodes)
    message = _Message(memoryview(model), _MODEL, "the model", room)
    if message.number("ir_version") != IR_VERSION:
        raise InvalidGraphError(f"expected IR version {IR_VERSION}, found {message.number('ir_version')}")
    opsets = message.children("opset_import", _OPSET_ID, "opset_import")
    if any(opset.text("domain") for opset in opsets):
        raise InvalidGraphError("expected the standard operator set, found a custom one")
    versions = [opset.number("version") for opset in opsets]
    if len(message.messages("graph")) != 1 or versions != [OPSET]:
        raise InvalidGraphError(
            f"expected one graph of operator set {OPSET}, found {len(message.messages('graph'))} of {versions!s:.40}"
        )
    (graph,) = message.children("graph", _GRAPH, "the graph")
    if len(graph.messages("node")) > max_nodes:
        raise InvalidGraphError(f"more than {max_nodes} nodes")
    constants = [_constant(one) for one in graph.children("initializer", _TENSOR, "an initializer")]
    inputs = [_value_info(one) for one in graph.children("input", _VALUE_INFO, "an input")]
    if len(dict(constants)) != len(constants) or len(dict(inputs)) != len(inputs):
        raise InvalidGraphError("an input or initializer stands twice")
    if "" in dict(constants) or "" in dict(inputs):
        raise InvalidGraphError("an input or initializer has no name")
    nodes = tuple(_node(one) for one in graph.children("node", _NODE, "a node"))
    outputs = tuple(_value_info(one)[0] for one in graph.children("output", _VALUE_INFO, "an output"))
    n_text_bytes = len(model) - sum(len(constant.data) for _, constant in constants)
    return Graph(nodes, dict(constants), dict(inputs), outputs, room.taken, n_text_bytes)
