"""The archive's ONNX graphs evaluated by NumPy in float64 or float32, or by torch: without onnxruntime.

Each allowed operator of FORMAT.md "Graphs" by its definition in the ONNX standard, operator set 17.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper


class NumpyBackend:
    """Floats are computed in `dtype`."""

    def __init__(self, dtype: type = np.float64) -> None:
        self.dtype = dtype

    def tensor(self, values: np.ndarray) -> Any:
        return values.astype(self.dtype) if values.dtype.kind == "f" else values

    def numbers(self, values: Any) -> np.ndarray:
        return np.asarray(values)

    def cast(self, values: Any, to: int) -> Any:
        return self.tensor(values.astype(onnx.helper.tensor_dtype_to_np_dtype(to)))

    def __getattr__(self, name: str) -> Any:
        """sin, cos, exp, floor, matmul, transpose, ... by NumPy's names."""
        return getattr(np, {"cat": "concatenate", "round": "rint"}.get(name, name))

    def take(self, values: Any, indices: Any, axis: int) -> Any:
        return np.take(values, indices, axis)

    def permute(self, values: Any, order: list[int]) -> Any:
        return np.transpose(values, order)


class TorchBackend:
    """Floats are computed in float32 on `device`."""

    def __init__(self, device: str) -> None:
        import torch

        self.torch, self.device = torch, device

    def tensor(self, values: np.ndarray) -> Any:
        values = values.astype(np.float32) if values.dtype.kind == "f" else values
        return self.torch.from_numpy(np.array(values)).to(self.device)

    def numbers(self, values: Any) -> np.ndarray:
        return np.asarray(values.cpu().numpy())

    def cast(self, values: Any, to: int) -> Any:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(to))
        return values.to(self.torch.float32 if dtype.kind == "f" else getattr(self.torch, dtype.name))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.torch, name)

    def take(self, values: Any, indices: Any, axis: int) -> Any:
        flat = values.index_select(axis, indices.reshape(-1))
        return flat.reshape(*values.shape[:axis], *indices.shape, *values.shape[axis + 1 :])

    def permute(self, values: Any, order: list[int]) -> Any:
        return values.permute(order)


Backend = NumpyBackend | TorchBackend


def evaluate(model: bytes, feeds: dict[str, np.ndarray], backend: Backend) -> dict[str, np.ndarray]:
    """All outputs of a graph.

    Args:
        model: Serialized ONNX model.
        feeds: Its inputs.
        backend: What computes.
    """
    graph = onnx.load_model_from_string(model).graph
    values = {name: backend.tensor(array) for name, array in feeds.items()}
    for item in graph.initializer:
        values[item.name] = backend.tensor(numpy_helper.to_array(item))
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        inputs = [values[name] if name else None for name in node.input]
        values[node.output[0]] = _apply(node.op_type, inputs, attributes, backend)
    return {output.name: backend.numbers(values[output.name]) for output in graph.output}


def _slice(x: list[Any], b: Backend) -> Any:
    starts, ends = b.numbers(x[1]), b.numbers(x[2])
    axes = np.arange(len(starts)) if len(x) < 4 else b.numbers(x[3])
    place = [slice(None)] * x[0].ndim
    for start, end, axis in zip(starts, ends, axes, strict=True):
        place[int(axis)] = slice(int(start), int(end))
    return x[0][tuple(place)]


def _gemm(x: list[Any], a: dict[str, Any], b: Backend) -> Any:
    left = b.permute(x[0], [1, 0]) if a.get("transA") else x[0]
    right = b.permute(x[1], [1, 0]) if a.get("transB") else x[1]
    product = b.matmul(left, right) * a.get("alpha", 1.0)
    return product if len(x) < 3 else product + x[2] * a.get("beta", 1.0)


def _reshape(values: Any, shape: np.ndarray) -> Any:
    return values.reshape([values.shape[i] if n == 0 else int(n) for i, n in enumerate(shape)])


def _unsqueeze(values: Any, axes: np.ndarray) -> Any:
    shape = list(values.shape)
    for axis in sorted(int(n) for n in axes):
        shape.insert(axis, 1)
    return values.reshape(shape)


def _dequantized(x: list[Any], a: dict[str, Any], b: Backend) -> Any:
    shape = [-1 if i == a.get("axis", 1) else 1 for i in range(x[0].ndim)] if x[1].ndim else []
    scale = x[1].reshape(shape)
    codes = x[0] * (0 * scale + 1)  # to the floats' type
    return codes * scale if len(x) < 3 else (codes - x[2].reshape(shape)) * scale


def _apply(kind: str, x: list[Any], a: dict[str, Any], b: Backend) -> Any:
    if kind in ("Sin", "Cos", "Exp", "Floor", "Round"):
        return getattr(b, kind.lower())(x[0])
    operations = {
        "Add": lambda: x[0] + x[1],
        "Sub": lambda: x[0] - x[1],
        "Mul": lambda: x[0] * x[1],
        "Div": lambda: x[0] / x[1],
        "Less": lambda: x[0] < x[1],
        "Mod": lambda: x[0] % x[1],
        "MatMul": lambda: b.matmul(x[0], x[1]),
        "Min": lambda: b.minimum(x[0], x[1]),
        "Relu": lambda: b.maximum(x[0], 0 * x[0]),
        "Clip": lambda: b.minimum(b.maximum(x[0], x[1] + 0 * x[0]), x[2] + 0 * x[0]),
        "Cast": lambda: b.cast(x[0], a["to"]),
        "Concat": lambda: b.cat(x, a["axis"]),
        "DequantizeLinear": lambda: _dequantized(x, a, b),
        "Gather": lambda: b.take(x[0], x[1], a.get("axis", 0)),
        "Gemm": lambda: _gemm(x, a, b),
        "Reshape": lambda: _reshape(x[0], b.numbers(x[1])),
        "Shape": lambda: b.tensor(np.array(x[0].shape[a.get("start", 0) : a.get("end")], np.int64)),
        "Slice": lambda: _slice(x, b),
        "Transpose": lambda: b.permute(x[0], list(a["perm"])),
        "Unsqueeze": lambda: _unsqueeze(x[0], b.numbers(x[1])),
    }
    return operations[kind]()
