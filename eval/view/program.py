"""The graph `frame` as a list of plain steps, for the page's interpreter (per time) and its shader (per texel).

Constants are folded, shapes are settled, and what only moves numbers becomes a list of indices. Texel values are
vectors of channels: the graph is pointwise (decompressor/FORMAT.md "Decoding").
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from todpack.decompressor.errors import InvalidGraphError, needs
from todpack.decompressor.graphs.check import check_graph
from todpack.decompressor.graphs.dims import COLUMNS, ROWS
from todpack.decompressor.graphs.session import run_outputs, start_session
from todpack.decompressor.graphs.shapes import GraphInputs
from todpack.decompressor.limits import DEFAULT_LIMITS

from ..errors import EvalError

# of the operators that FORMAT.md "Graphs" allows, those that a graph `frame` computes texels and times by
BINARY = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Min": "min", "Less": "less"}
UNARY = {
    "Relu": "relu", "Sin": "sin", "Cos": "cos", "Exp": "exp", "Round": "round", "Floor": "floor", "Cast": "copy",
}  # fmt: skip
MOVING = ("Slice", "Transpose", "Gather", "Concat")
SAME_ORDER = ("Reshape", "Unsqueeze")
LARGEST = float(np.finfo(np.float32).max)
_PROBE = 2  # the probe's frame is _PROBE x _PROBE


@dataclass(frozen=True)
class Program:
    """What the page runs.

    Attributes:
        time_steps: Computed once per time, in order; each has `op`, `out`, `inputs`, `shape` and what the op needs.
        texel_steps: Computed per texel, in order; each has `op`, `out`, `n` (channels) and what the op needs.
        result: Texel value that holds RGB.
        constants: float32 arrays by name.
    """

    time_steps: list[dict[str, Any]]
    texel_steps: list[dict[str, Any]]
    result: str
    constants: dict[str, np.ndarray]


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _flips(node: Any) -> list[bool]:
    """Whether a matrix product transposes its two factors."""
    attributes = _attributes(node)
    return [bool(attributes.get(name, 0)) for name in ("transA", "transB")]


class _Translator:
    """Walks the graph once; `kind` says of each value whether it is constant, of the time, or of the texel."""

    def __init__(self, model: Any, feeds: Mapping[str, np.ndarray], channels: int, where: str) -> None:
        self.where, self.nodes = where, list(model.graph.node)
        self.values = _all_values(model, feeds, channels, where)
        self.kind = dict.fromkeys(feeds, "constant") | {"z": "texel", "time_h": "time"}
        self.kind |= {item.name: "constant" for item in model.graph.initializer}
        self.time_steps: list[dict[str, Any]] = []
        self.texel_steps: list[dict[str, Any]] = []
        self.used: set[str] = set()

    def translate(self) -> Program:
        for node in self._needed("rgb"):
            inputs = [name for name in node.input if name]
            if node.op_type == "Reshape":
                inputs = inputs[:1]
            kinds = {self.kind[name] for name in inputs}
            (out,) = node.output
            self.kind[out] = "texel" if "texel" in kinds else "time" if "time" in kinds else "constant"
            if self.kind[out] == "texel":
                self.texel_steps.append({"out": out, "n": self._channels(out), **self._step(node, inputs)})
            elif self.kind[out] == "time":
                shape = list(self.values[out].shape)
                self.time_steps.append({"out": out, "shape": shape, **self._step(node, inputs)})
        constants = {name: np.asarray(self.values[name], np.float32) for name in sorted(self.used)}
        return Program(self.time_steps, self.texel_steps, "rgb", constants)

    def _needed(self, result: str) -> list[Any]:
        """The nodes that `result` depends on, in order; shapes of texel values do not count."""
        wanted, chosen = {result}, []
        for node in reversed(self.nodes):
            if wanted.intersection(node.output):
                chosen.append(node)
                wanted.update(node.input[:1] if node.op_type == "Reshape" else node.input)
        return chosen[::-1]

    def _use(self, *names: str) -> list[str]:
        self.used.update(name for name in names if self.kind[name] == "constant")
        return list(names)

    def _channels(self, name: str) -> int:
        return int(self.values[name].size) // (_PROBE * _PROBE)

    def _refuse(self, node: Any, why: str) -> EvalError:
        return EvalError(f"{self.where}: the viewer cannot show this graph: {node.op_type} {node.output[0]}: {why}")

    def _step(self, node: Any, inputs: list[str]) -> dict[str, Any]:
        """What both kinds of steps share; what they do not is left to `_time` and `_texel`."""
        operator, texel = node.op_type, [self.kind[name] == "texel" for name in inputs]
        if operator in BINARY and len(inputs) == 2 and not (operator == "Less" and any(texel)):
            if any(texel):
                self._check_channels(node, inputs)
            return {"op": BINARY[operator], "inputs": self._use(*inputs), "texel": texel}
        if operator in UNARY:
            if operator == "Cast" and not self._is_copy(inputs[0], node.output[0]):
                raise self._refuse(node, "it changes numbers")
            return {"op": UNARY[operator], "inputs": self._use(*inputs)}
        if operator == "Clip":
            return {"op": "clip", "inputs": self._use(inputs[0]), **self._bounds(node)}
        if operator in SAME_ORDER:
            if any(texel) and self._channels(inputs[0]) != self._channels(node.output[0]):
                raise self._refuse(node, "it changes the number of channels")
            return {"op": "copy", "inputs": self._use(inputs[0])}
        return self._texel(node, inputs, texel) if any(texel) else self._time(node, inputs)

    def _is_copy(self, name: str, cast: str) -> bool:
        """Whether a cast leaves numbers as they are."""
        return self.values[name].dtype in (np.bool_, np.float32) and self.values[cast].dtype == np.float32

    def _check_channels(self, node: Any, inputs: list[str]) -> None:
        """Refuse operands of a texel that have neither one number for each channel of the result nor one for all."""
        out = self.values[node.output[0]]
        texels = np.arange(out.size)
        for name in inputs:
            value, is_texel = self.values[name], self.kind[name] == "texel"
            taken = np.broadcast_to(np.arange(value.size).reshape(value.shape), out.shape).ravel()
            is_one = value.size == 1 and not is_texel
            if not (is_one or np.array_equal(taken, texels if is_texel else texels // (_PROBE * _PROBE))):
                raise self._refuse(node, "expected a number for each channel")

    def _time(self, node: Any, inputs: list[str]) -> dict[str, Any]:
        if node.op_type in ("Gemm", "MatMul"):
            if any(self.values[name].ndim != 2 for name in inputs[:2]):
                raise self._refuse(node, "expected matrices")
            return {"op": "matmul", "inputs": self._use(*inputs), "flips": _flips(node)}
        if node.op_type in MOVING:
            sources = inputs if node.op_type == "Concat" else inputs[:1]
            return {"op": "take", "inputs": self._use(*sources), "index": self._moved(node, sources)}
        raise self._refuse(node, "the operator is not known to it")

    def _moved(self, node: Any, sources: list[str]) -> list[int]:
        """Where each output number comes from, counting through the sources one after another."""
        start, counted = 0, []
        for name in sources:
            shape = self.values[name].shape
            counted.append(np.arange(start, start + self.values[name].size).reshape(shape))
            start += self.values[name].size
        attributes = _attributes(node)
        if node.op_type == "Concat":
            moved = np.concatenate(counted, axis=attributes["axis"])
        elif node.op_type == "Transpose":
            moved = counted[0].transpose(attributes.get("perm"))
        elif node.op_type == "Gather":
            moved = np.take(counted[0], self.values[node.input[1]], axis=attributes.get("axis", 0))
        else:
            moved = counted[0][self._slices(node, counted[0].ndim)]
        return [int(i) for i in moved.ravel()]

    def _slices(self, node: Any, n_axes: int) -> tuple[slice, ...]:
        starts, ends, *axes = (np.atleast_1d(self.values[name]) for name in node.input[1:])
        slices = [slice(None)] * n_axes
        for axis, start, end in zip(axes[0] if axes else np.arange(len(starts)), starts, ends, strict=True):
            slices[int(axis)] = slice(int(start), int(end))
        return tuple(slices)

    def _bounds(self, node: Any) -> dict[str, float]:
        if any(self.kind[name] != "constant" for name in node.input[1:]):
            raise self._refuse(node, "expected constant bounds")
        low, high = (float(self.values[name].item()) for name in node.input[1:])
        if math.isnan(low) or math.isnan(high):
            raise self._refuse(node, "expected bounds that are numbers")
        low, high = (min(max(bound, -LARGEST), LARGEST) for bound in (low, high))  # JSON has no infinity
        return {"low": low, "high": high}

    def _texel(self, node: Any, inputs: list[str], texel: list[bool]) -> dict[str, Any]:
        operator = node.op_type
        if operator in ("Gemm", "MatMul"):
            if (
                texel[:2] != [False, True]
                or any(self.values[name].ndim != 2 for name in inputs[:2])
                or any(_flips(node))
            ):
                raise self._refuse(node, "expected a matrix, as it is, times texels")
            self._check_channels(node, inputs[2:])
            return {"op": "linear", "inputs": self._use(*inputs), "texel": texel}
        if operator == "Slice":
            sliced, n_channels = self.values[inputs[0]], self._channels(inputs[0])
            index, *others = self._slices(node, sliced.ndim)
            if len(sliced) != n_channels or any(other != slice(None) for other in others):
                raise self._refuse(node, "expected some of the channels")
            start, end, _ = index.indices(n_channels)
            return {"op": "slice", "inputs": inputs[:1], "start": start, "end": end}
        if operator == "Concat" and all(texel) and _attributes(node)["axis"] == 0:
            return {"op": "concat", "inputs": inputs}
        raise self._refuse(node, "the operator is not known to it")


def _all_values(model: Any, feeds: Mapping[str, np.ndarray], channels: int, where: str) -> dict[str, np.ndarray]:
    """Every value of the graph for a frame of _PROBE x _PROBE texels; constants and shapes are read off it."""
    import onnx

    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    known = {value.name for value in probe.graph.output}
    names = [name for node in probe.graph.node for name in node.output]
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    session = start_session(probe.SerializeToString(), provider="cpu", where=where)
    fed = {**feeds, "z": np.zeros((channels, _PROBE, _PROBE), np.float32), "time_h": np.array([12.0], np.float32)}
    outputs = [value.name for value in session.get_outputs()]
    values = dict(zip(outputs, run_outputs(session, outputs, fed, where), strict=True)) | fed
    return values | {item.name: onnx.numpy_helper.to_array(item) for item in model.graph.initializer}


def frame_program(graph: bytes, feeds: Mapping[str, np.ndarray], channels: int, where: str) -> Program:
    """Take a graph `frame` apart.

    Args:
        graph: Serialized ONNX model.
        feeds: What it takes beside `z` and `time_h`.
        channels: Of `z`.
        where: Archive and section, for messages.

    Raises:
        InvalidGraphError: the graph is not allowed, or fails.
        EvalError: the graph uses what the viewer does not know.
        MissingPackageError: the package onnx is missing.
    """
    with needs("pack", "the viewer"):
        import onnx
    shapes = {name: values.shape for name, values in feeds.items()}
    inputs = GraphInputs({**shapes, "z": (channels, ROWS, COLUMNS), "time_h": (1,)}, _PROBE, _PROBE)
    try:
        check_graph(graph, inputs, DEFAULT_LIMITS.graph_nodes)
    except InvalidGraphError as error:
        raise InvalidGraphError(f"{where}: {error}") from error
    return _Translator(onnx.load_from_string(graph), feeds, channels, where).translate()
