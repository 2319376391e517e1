"""The standard graph `frame` of 8-bit codes, made of what it depends on. FORMAT.md "Standard graph".

It is written as the packages of ONNX write it, field by field, so that archives need not hold it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bits import EntropyError
from ..graphs.check import OPSET
from ..graphs.wire import FLOAT, INT64
from .temporal.ramps import HOURS_PER_DAY, gap_lengths

UINT8 = 2
IR_VERSION, PRODUCER = 8, "todpack"
INTEGER, INTEGERS = 2, 7  # kinds of attributes
SRGB_PEAK = 255.0


def _varint(number: int) -> bytes:
    out, left = bytearray(), number & (1 << 64) - 1
    while left > 127:
        out.append(left & 127 | 128)
        left >>= 7
    return bytes([*out, left])


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, *parts: bytes | str) -> bytes:
    data = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _constant(name: str, value: Any) -> bytes:
    array = np.atleast_1d(value)
    array = array.astype("<f4" if array.dtype.kind == "f" else "<i8")
    kind = FLOAT if array.dtype.kind == "f" else INT64
    return _bytes(5, *(_integer(1, side) for side in array.shape), _integer(2, kind), _bytes(8, name),
                  _bytes(9, array.tobytes()))  # fmt: skip


def _node(operator: str, inputs: str, output: str, **attributes: Any) -> bytes:
    parts = [*(_bytes(1, name) for name in inputs.split()), _bytes(2, output), _bytes(3, output), _bytes(4, operator)]
    for name, value in attributes.items():
        numbers = [_integer(8, n) for n in value] if isinstance(value, list) else [_integer(3, value)]
        kind = INTEGERS if isinstance(value, list) else INTEGER
        parts.append(_bytes(5, _bytes(1, name), *numbers, _integer(20, kind)))
    return _bytes(1, *parts)


def _value(field: int, name: str, kind: int, *shape: int | str) -> bytes:
    sides = [_bytes(1, _bytes(2, side) if isinstance(side, str) else _integer(1, side)) for side in shape]
    return _bytes(field, _bytes(1, name), _bytes(2, _bytes(1, _integer(1, kind), _bytes(2, *sides))))


def frame_of(metadata: dict[str, Any], name: str) -> bytes:
    """The graph that a section of the codec `standard` stands for.

    Args:
        metadata: metadata.json, parsed.
        name: Of the section.

    Raises:
        EntropyError: no lightmap of 8-bit codes has it as its frame.
    """
    try:
        models = [lightmap["model"] for lightmap in metadata["lightmaps"]]
        found = next(model for model in models if model["graphs"]["frame"] == name)
        n_components, hours = int(found["n_components"]), np.asarray(metadata["hours"], np.float64)
        if metadata["model_type"] == "daybasis" and metadata["transfer"] == "srgb8" and hours.size and hours.ndim == 1:
            return standard_frame(n_components, hours)
    except (KeyError, IndexError, TypeError, ValueError, OverflowError, StopIteration):
        pass
    raise EntropyError("expected the frame of a lightmap of 8-bit codes")


def standard_frame(n_components: int, hours: np.ndarray) -> bytes:
    """The graph's bytes.

    Args:
        n_components: K.
        hours: (T,) stored times.
    """
    k, times, n_affine = n_components, hours.astype(np.float32), 3 * n_components + 3
    nodes = [
        _node("Less", "time_h start", "is_early"), _node("Cast", "is_early", "early", to=FLOAT),
        _node("Mul", "early day", "shift"), _node("Add", "time_h shift", "time"), _node("Sub", "time hours", "since"),
        _node("Div", "since gaps", "progress"), _node("Clip", "progress zero one", "u"), _node("Sub", "one u", "rest"),
        _node("Mul", "u rest", "product"), _node("Mul", "product rest", "e"), _node("Mul", "product u", "f"),
        _node("Concat", "u e f", "ramps", axis=0), _node("Unsqueeze", "ramps axis_0", "row"),
        _node("MatMul", "row steps", "change"), _node("Add", "change first", "moved"),
        _node("Div", "moved grid", "in_steps"), _node("Round", "in_steps", "whole"),
        _node("Mul", "whole grid", "affine"), _node("Slice", "affine from middle_end", "a"),
        _node("Reshape", "a matrix_shape", "matrix"), _node("Slice", "affine middle to", "b"),
        _node("Reshape", "b offset_shape", "offset"), _node("Reshape", "z columns_shape", "columns"),
        _node("Gemm", "matrix columns offset", "values"), _node("Shape", "z", "z_shape"),
        _node("Slice", "z_shape spatial_start spatial_end", "size"), _node("Concat", "three size", "rgb_shape", axis=0),
        _node("Reshape", "values rgb_shape", "rgb"), _node("Round", "values", "rounded"),
        _node("Clip", "rounded lowest highest", "clipped"), _node("Cast", "clipped", "code_planes", to=UINT8),
        _node("Transpose", "code_planes", "code_texels", perm=[1, 0]),
        _node("Concat", "size three", "codes_shape", axis=0), _node("Reshape", "code_texels codes_shape", "codes"),
    ]  # fmt: skip
    constants = [
        _constant("hours", times), _constant("gaps", gap_lengths(hours).astype(np.float32)), _constant("zero", 0.0),
        _constant("one", 1.0), _constant("day", HOURS_PER_DAY), _constant("start", times[0]), _constant("axis_0", [0]),
        _constant("from", [0, 0]), _constant("middle", [0, 3 * k]), _constant("to", [1, n_affine]),
        _constant("middle_end", [1, 3 * k]), _constant("matrix_shape", [3, k]), _constant("offset_shape", [3, 1]),
        _constant("columns_shape", [k, -1]), _constant("spatial_start", [1]), _constant("spatial_end", [3]),
        _constant("three", [3]), _constant("lowest", 0.0), _constant("highest", SRGB_PEAK),
    ]  # fmt: skip
    values = [
        _value(11, "z", FLOAT, k, "h", "w"), _value(11, "time_h", FLOAT, 1), _value(11, "first", FLOAT, 1, n_affine),
        _value(11, "steps", FLOAT, 3 * len(hours), n_affine), _value(11, "grid", FLOAT, n_affine),
        _value(12, "rgb", FLOAT, 3, "h", "w"), _value(12, "codes", UINT8, "h", "w", 3),
        _value(12, "affine", FLOAT, 1, n_affine),
    ]  # fmt: skip
    graph = _bytes(7, *nodes, _bytes(2, "frame"), *constants, *values)
    return b"".join([_integer(1, IR_VERSION), _bytes(2, PRODUCER), graph, _bytes(8, _bytes(1, ""), _integer(2, OPSET))])
