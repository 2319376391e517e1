"""Look into an ONNX graph before onnxruntime does: allow-listed operators, nothing external, nothing nested.

A small reader of the protobuf wire format is enough for that and keeps the decoder free of the onnx package.
Source: onnx.proto3 (field numbers), protobuf "Encoding"; FORMAT.md "Graphs".
"""

from __future__ import annotations

from collections.abc import Iterator

from decompressor.errors import InvalidGraphError

OPSET = 17
ALLOWED_OPERATORS = frozenset(
    (
        "Add",
        "Cast",
        "Clip",
        "Concat",
        "Cos",
        "DequantizeLinear",
        "Div",
        "Exp",
        "Floor",
        "Gather",
        "Gemm",
        "Less",
        "MatMul",
        "Min",
        "Mod",
        "Mul",
        "Relu",
        "Reshape",
        "Round",
        "Shape",
        "Sin",
        "Slice",
        "Sub",
        "Transpose",
        "Unsqueeze",
    )
)
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MODEL = {1: "ir_version", 2: "producer_name", 3: "producer_version", 7: "graph", 8: "opset_import"}
_GRAPH = {1: "node", 2: "name", 5: "initializer", 11: "input", 12: "output"}
_NODE = {1: "input", 2: "output", 3: "name", 4: "op_type", 5: "attribute", 7: "domain"}
_ATTRIBUTE = {1: "name", 2: "f", 3: "i", 4: "s", 7: "floats", 8: "ints", 20: "type"}
_TENSOR = {1: "dims", 2: "data_type", 8: "name", 9: "raw_data"}
_OPSET_ID = {1: "domain", 2: "version"}

Value = int | bytes


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise InvalidGraphError("not a protobuf message")


def _fields(data: bytes, names: dict[int, str], kind: str) -> Iterator[tuple[str, Value]]:
    """The message's fields by name; a field that is not in `names` is refused."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        value: Value
        if wire == _VARINT:
            value, at = _varint(data, at)
        elif wire in (_BYTES, _FIXED32, _FIXED64):
            if wire == _BYTES:
                length, at = _varint(data, at)
            else:
                length = 4 if wire == _FIXED32 else 8
            if length > len(data) - at:
                raise InvalidGraphError("not a protobuf message (cut short)")
            value, at = data[at : at + length], at + length
        else:
            raise InvalidGraphError(f"not a protobuf message (wire type {wire})")
        if number not in names:
            raise InvalidGraphError(f"expected only plain fields in {kind}, found field {number}")
        yield names[number], value


def _message(value: Value, kind: str) -> bytes:
    if not isinstance(value, bytes):
        raise InvalidGraphError(f"expected a message for {kind}, found a number")
    return value


def _check_node(data: bytes) -> None:
    operator = b""
    for name, value in _fields(data, _NODE, "a node"):
        if name == "op_type":
            operator = _message(value, "op_type")
        elif name == "domain" and value != b"":
            raise InvalidGraphError("expected operators of the standard domain, found a custom one")
        elif name == "attribute":
            for _ in _fields(_message(value, "an attribute"), _ATTRIBUTE, "an attribute"):
                pass
    if operator.decode("ascii", "replace") not in ALLOWED_OPERATORS:
        raise InvalidGraphError(f"operator {operator.decode('ascii', 'replace')!r} is not allowed")


def check_graph(model: bytes, max_nodes: int) -> None:
    """Refuse a model that uses anything but what FORMAT.md allows.

    Args:
        model: Serialised ONNX ModelProto.
        max_nodes: Cap on the number of nodes.

    Raises:
        InvalidGraphError: see the message.
    """
    graphs: list[bytes] = []
    versions: list[Value] = []
    for name, value in _fields(model, _MODEL, "the model"):
        if name == "graph":
            graphs.append(_message(value, "graph"))
        elif name == "opset_import":
            opset = dict(_fields(_message(value, "opset_import"), _OPSET_ID, "opset_import"))
            if opset.get("domain", b"") != b"":
                raise InvalidGraphError("expected the standard operator set, found a custom one")
            versions.append(opset.get("version", 0))
    if len(graphs) != 1 or versions != [OPSET]:
        raise InvalidGraphError(f"expected one graph of operator set {OPSET}, found {len(graphs)} of {versions}")
    nodes = 0
    for name, value in _fields(graphs[0], _GRAPH, "the graph"):
        if name == "node":
            nodes += 1
            if nodes > max_nodes:
                raise InvalidGraphError(f"more than {max_nodes} nodes")
            _check_node(_message(value, "a node"))
        elif name == "initializer":
            for _ in _fields(_message(value, "an initializer"), _TENSOR, "an initializer"):
                pass
