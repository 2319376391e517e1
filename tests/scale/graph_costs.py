"""What graphs take against what is counted for them: random graphs of one operator, in one thread.

    python -m tests.scale.graph_costs --seconds 60 [--seed 1] [--operators Add,Concat]

makes values of random shapes, types and contents (denormal and huge numbers, NaN) around the texels of a run, has onnxruntime
run an operator on them, and prints the largest share of the estimate of time (graphs/shapes.py) that each operator took,
least of three runs, and of the estimate of memory, where values are large enough to be seen.
"""  # noqa: E501

from __future__ import annotations

import argparse
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from todpack.decompressor.errors import InvalidGraphError
from todpack.decompressor.graphs.check import OPSET, check_graph
from todpack.decompressor.graphs.dims import COLUMNS, ROWS
from todpack.decompressor.graphs.engine import onnxruntime
from todpack.decompressor.graphs.session import start_session
from todpack.decompressor.graphs.shapes import GraphCost, GraphInputs

TYPES = {
    TensorProto.FLOAT: np.float32,
    TensorProto.FLOAT16: np.float16,
    TensorProto.INT64: np.int64,
    TensorProto.UINT8: np.uint8,
    TensorProto.INT8: np.int8,
    TensorProto.BOOL: np.bool_,
}
BINARY, UNARY = ("Add", "Sub", "Mul", "Div", "Less", "Min"), ("Cos", "Sin", "Exp", "Floor", "Round", "Relu")
PRODUCTS = ("MatMul", "Gemm", "MatMul of a batch")
MOVES = ("Cast", "Clip", "Concat", "Gather", "Slice", "Transpose", "Unsqueeze", "Mod", "DequantizeLinear")
OPERATORS = (*BINARY, *UNARY, *PRODUCTS, *MOVES)
SEEN_BYTES = 32 << 20  # of values, beside which what the process does otherwise is small


@dataclass
class Case:
    """A graph in the making: values from the input z (channels, 1, texels)."""

    pick: random.Random
    channels: int
    texels: int
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)

    def constant(self, values: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(values)
        return name

    def node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def contents(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        rng = np.random.default_rng(self.pick.randrange(1 << 30))
        if np.dtype(dtype).kind != "f":
            return rng.integers(1, 100, shape).astype(dtype)
        scale = self.pick.choice((1.0, 1.0, 1e-40, 1e30, np.nan))
        with np.errstate(over="ignore"):
            return np.asarray(rng.normal(size=shape) * scale).astype(dtype)

    def matrix(self) -> str:
        """(channels, texels)."""
        return self.node("Reshape", ["z", self.constant(np.array([self.channels, -1]))])

    def value(self, kind: int) -> tuple[str, list[int], int]:
        """A value of some shape, its sides, and which of them the texels are."""
        sides = [1] * self.pick.randint(1, 5)
        for factor in _factors(self.channels):
            sides[self.pick.randrange(len(sides))] *= factor
        name = self.matrix()
        if self.channels > 1 and self.pick.random() < 0.3:
            name, sides, at = self.node("Transpose", [name], perm=[1, 0]), [self.texels, *sides], 0
        else:
            sides, at = [*sides, self.texels, *[1] * self.pick.randrange(3)], len(sides)
        wanted = [-1 if number == at else side for number, side in enumerate(sides)]
        name = self.node("Reshape", [name, self.constant(np.array(wanted))])
        return (name if kind == TensorProto.FLOAT else self.node("Cast", [name], to=kind)), sides, at

    def add(self, operator: str) -> None:
        """The operator, on values of a random type and shape."""
        if operator in PRODUCTS:
            self.outputs.append(self._product(operator))
            return
        integers = operator in ("Mod", "DequantizeLinear")
        is_float = operator in ("Cos", "Sin", "Exp", "Floor", "Round", "Relu")
        kinds = (TensorProto.UINT8, TensorProto.INT64) if integers else tuple(TYPES)[: 2 if is_float else 4]
        kind = TensorProto.UINT8 if operator == "DequantizeLinear" else self.pick.choice(kinds)
        name, sides, at = self.value(kind)
        others = [number for number in range(len(sides)) if number != at]
        axis, dtype = self.pick.choice(others or [0]), TYPES[kind]
        if operator in UNARY:
            made = self.node(operator, [name])
        elif operator in (*BINARY, "Mod"):
            small = tuple(1 if number == at or self.pick.random() < 0.5 else side for number, side in enumerate(sides))
            other = self.constant(self.contents(small[self.pick.randrange(len(small)) :], dtype))
            made = self.node(operator, [name, *[other] * (self.pick.choice((1, 9)) if operator == "Min" else 1)])
        elif operator == "Cast":
            made = self.node("Cast", [name], to=self.pick.choice(tuple(TYPES)))
        elif operator == "Clip":
            made = self.node("Clip", [name, self.constant(dtype(0)), self.constant(dtype(1))])
        elif operator == "DequantizeLinear":
            made = self.node(operator, [name, self.constant(np.float32(0.1)), self.constant(np.uint8(3))])
        elif operator == "Concat":
            made = self.node("Concat", [name] * self.pick.choice((2, 3, 8, 64)), axis=axis)
        elif operator == "Gather":
            taken = np.random.default_rng(0).integers(0, sides[axis], self.pick.choice(((), (1,), (8,), (2, 4))))
            made = self.node("Gather", [name, self.constant(taken)], axis=axis)
        elif operator == "Slice":
            ends = [np.array([self.pick.randint(0, sides[axis] - 1)]), np.array([sides[axis]]), np.array([axis])]
            made = self.node("Slice", [name, *map(self.constant, ends)])
        elif operator == "Transpose":
            made = self.node("Transpose", [name], perm=self.pick.sample(range(len(sides)), len(sides)))
        else:
            made = self.node("Unsqueeze", [name, self.constant(np.array([0]))])
        self.outputs.append(made)

    def _product(self, operator: str) -> str:
        n_columns, c = self.pick.choice((1, 2, 3, 8, 64, self.channels)), self.channels
        if operator == "MatMul of a batch":
            inner = self.pick.choice([n for n in (1, 2, 3, 4, 8) if c % n == 0])
            rows = self.node("Transpose", [self.matrix()], perm=[1, 0])
            rows = self.node("Reshape", [rows, self.constant(np.array([-1, c // inner, inner]))])
            return self.node("MatMul", [rows, self.constant(self.contents((inner, n_columns), np.float32))])
        kind = self.pick.choice((TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64))
        matrix = self.node("Cast", [self.matrix()], to=kind)
        if operator == "Gemm":
            return self.node("Gemm", [matrix, self.constant(self.contents((c, n_columns), TYPES[kind]))], transA=1)
        if self.pick.random() < 0.5:
            return self.node("MatMul", [self.constant(self.contents((n_columns, c), TYPES[kind])), matrix])
        turned = self.node("Transpose", [matrix], perm=[1, 0])
        return self.node("MatMul", [turned, self.constant(self.contents((c, n_columns), TYPES[kind]))])

    def model(self, kind: int | None) -> bytes:
        """The graph; without a type for its outputs onnxruntime finds it."""
        inputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, [self.channels, "h", "w"])]
        outputs = [helper.make_empty_tensor_value_info(name) for name in self.outputs]
        if kind is not None:
            outputs = [helper.make_tensor_value_info(name, kind, ["any"]) for name in self.outputs]
        constants = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        graph = helper.make_graph(self.nodes, "graph", inputs, outputs, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        data: bytes = model.SerializeToString()
        return data


def _factors(number: int) -> list[int]:
    found, factor = [], 2
    while number > 1:
        while number % factor == 0:
            found.append(factor)
            number //= factor
        factor += 1
    return found


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def measure(operator: str, pick: random.Random) -> tuple[float, float | None, GraphCost] | None:
    """Shares of the estimates of time and, of large values, memory; None where the graph is not allowed."""
    channels = pick.choice((1, 2, 3, 4, 8, 12, 16, 30, 48, 64, 128))
    texels = max(128, pick.choice((1 << 14, 1 << 17, 1 << 20, 1 << 21)) // channels)
    case = Case(pick, channels, texels)
    z = case.contents((channels, 1, texels), np.float32)
    for _ in range(pick.choice((1, 2))):
        case.add(operator)
    inputs = GraphInputs({"z": (channels, ROWS, COLUMNS)}, 1, texels, run_texels=texels, frame_texels=texels)
    try:
        cost = check_graph(case.model(TensorProto.FLOAT), inputs, 512)
        before = _memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again
        session = start_session(case.model(None), provider="cpu", where="graph")
        session.run(case.outputs, {"z": z})
    except (InvalidGraphError, onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented):
        return None
    memory = (_memory("VmHWM") - before) / cost.n_bytes if cost.n_bytes > SEEN_BYTES else None
    seconds = []
    for _ in range(3):
        started = time.process_time()
        session.run(case.outputs, {"z": z})
        seconds.append(time.process_time() - started)
    return min(seconds) / cost.seconds, memory, cost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--operators", default=",".join(OPERATORS))
    args = parser.parse_args()
    pick, until = random.Random(args.seed), time.monotonic() + args.seconds
    found: dict[str, list[tuple[float, float | None, GraphCost]]] = {}
    while time.monotonic() < until:
        operator = pick.choice(args.operators.split(","))
        measured = measure(operator, pick)
        if measured is not None:
            found.setdefault(operator, []).append(measured)
    print(f"{'operator':<20} {'graphs':>6} {'time':>6} {'memory':>6}   largest share of the estimates")
    for operator, rows in sorted(found.items(), key=lambda item: -max(row[0] for row in item[1])):
        memory = max((row[1] for row in rows if row[1] is not None), default=0.0)
        print(f"{operator:<20} {len(rows):>6} {max(row[0] for row in rows):>6.2f} {memory:>6.2f}")


if __name__ == "__main__":
    main()
