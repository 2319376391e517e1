"""What a run of a graph takes, found before anything runs it: sizes of all values, and time. FORMAT.md "Graphs".

Sizes depend on the rows and columns of a run alone (dims.py), so no run is larger than the one with the most of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import InvalidGraphError
from ..grid import ceil_div
from .dims import Dim, Shape, Value, product
from .operators import MAX_KNOWN, OPERATORS, axis_of
from .wire import FLOAT, FLOAT16, INT64, ITEM_BYTES, MAX_RANK, UINT8, Constant, Graph, Node

LEAST_SESSION_BYTES, FIELD_BYTES, NODE_BYTES, TEXT_COPIES = 1 << 19, 256, 3 << 10, 6
"""Of any session, of each field and each node of its model, here and in the runtime; and how often that has names."""
FIELD_S = 8e-6
"""Seconds on one core of each field, while the model is read and its session starts."""
CONSTANT_COPIES = 3  # the model's bytes, the runtime's tensor, and one packed for products
RUN_S, NODE_S, VALUE_S, HALF_S = 2e-5, 3e-6, 1e-7, 2e-9
"""Seconds on one core: of a run, of any node, of each value that it takes, and of an item that is cast from half floats
or to them."""
PRODUCT_S, OTHER_PRODUCT_S, READ_S, MATRIX_S, PACKING_S = 1e-10, 1e-9, 2e-9, 2e-7, 1e-9
"""Of matrix products: of a multiplication in float32 and in other types, of an item that is read, of each matrix of a
batch, and, when a session starts, of a byte of a constant that is packed."""
MATRIX_BYTES = 200
"""Of each matrix of a batch, while onnxruntime multiplies them: where they lie, and what is to be done with them."""
CACHED_BYTES, MISS_S, FAR_BYTE_S = 2 << 20, 2.5e-8, 2.5e-9
"""What a cache holds; of a value that none does: of a place that is gathered, and of a byte that is moved."""
FRESH_FROM, FRESH_BYTE_S = 1 << 17, 2e-10
"""Values from this size on are new pages of the system each time: of a byte that is touched first, where hardly
anything else is done."""
CHEAP = ("Cast", "DequantizeLinear", "Floor", "Relu")
MOVES = ("Concat", "Slice", "Transpose")
PRODUCTS = ("MatMul", "Gemm")
MOST_BYTES = 1 << 62
"""Of a value, so that sums of sizes stay numbers; memory has its own limit."""
BYTE_OUTPUTS = ("codes",)
FRAME_SIDE = 256
FRAME_TEXELS = FRAME_SIDE * FRAME_SIDE


@dataclass(frozen=True)
class GraphInputs:
    """What a decoder is going to feed to a graph, all of it float32, and what it expects of it.

    Attributes:
        shapes: By name; dimensions are numbers, ROWS or COLUMNS.
        rows: Most rows of a run.
        columns: Most columns of a run.
        outputs: Shapes by name, of those that the graph may have; others are nobody's.
        run_texels: Texels of a usual run, where that is less than the most of them.
        frame_texels: Texels of all runs for a frame of FRAME_TEXELS at most, with those that fill runs up.
    """

    shapes: Mapping[str, Sequence[int | Dim]]
    rows: int = 1
    columns: int = 1
    outputs: Mapping[str, Sequence[int | Dim]] = field(default_factory=dict)
    run_texels: int = FRAME_TEXELS
    frame_texels: int = FRAME_TEXELS

    def __hash__(self) -> int:
        names = tuple(sorted(self.shapes)), tuple(sorted(self.outputs))
        return hash((*names, self.rows, self.columns, self.run_texels, self.frame_texels))

    def items(self, shape: Shape) -> int:
        """Items of a value of the largest run."""
        size = product(shape)
        n_items: int = size.c * self.rows**size.rows * self.columns**size.columns
        return n_items

    def of_frame(self) -> tuple[GraphInputs, int]:
        """A run for a frame, and how many of them it takes."""
        rows = min(self.rows, FRAME_SIDE)
        columns = min(self.columns, ceil_div(min(self.run_texels, self.frame_texels), rows))
        return replace(self, rows=rows, columns=columns), ceil_div(self.frame_texels, rows * columns)


@dataclass(frozen=True)
class GraphCost:
    """What runs take.

    Attributes:
        n_bytes: Of all values of the largest run, initializers included: at least what a runtime takes.
        run_bytes: Without what all runs share.
        session_bytes: Of the graph itself, without values and initializers: an estimate.
        seconds: For a frame, on one core: an estimate.
    """

    n_bytes: int
    run_bytes: int
    session_bytes: int
    seconds: float


def as_shape(shape: Sequence[int | Dim]) -> Shape:
    """Numbers as dimensions."""
    return tuple(d if isinstance(d, Dim) else Dim(d) for d in shape)


def _of_constant(constant: Constant) -> Value:
    known = None
    if constant.dtype == INT64 and len(constant.shape) == 1 and constant.shape[0] <= MAX_KNOWN:
        known = tuple(Dim(int(n)) for n in np.frombuffer(constant.data, "<i8"))
    return Value(constant.dtype, tuple(Dim(n) for n in constant.shape), known)


def _of_inputs(graph: Graph, inputs: GraphInputs) -> dict[str, Value]:
    """The graph's inputs with the shapes that will be fed; what the graph says of them must agree."""
    if set(graph.inputs) != set(inputs.shapes):
        raise InvalidGraphError(
            f"expected inputs {', '.join(sorted(inputs.shapes))}, found {sorted(graph.inputs)!s:.200}"
        )
    values: dict[str, Value] = {}
    for name, (dtype, declared) in graph.inputs.items():
        shape = as_shape(inputs.shapes[name])
        # a number where runs differ, or another number: the runtime would work out other shapes than are found here
        agrees = len(declared) == len(shape) and all(
            said is None or (d.fixed and said == d.c) for said, d in zip(declared, shape, strict=True)
        )
        if dtype != FLOAT or not agrees:
            raise InvalidGraphError(f"input {name}: expected float32 of another shape than {list(declared)!s:.80}")
        values[name] = Value(dtype, shape)
    return values


def _check_sizes_of_run(node: Node, values: list[Value]) -> None:
    """Sizes of a run may make shapes, by Slice and Concat; a texel that knew them would depend on the run."""
    for number, value in enumerate(values):
        makes_shape = node.operator in ("Concat", "Shape") or (node.operator, number) in (("Slice", 0), ("Reshape", 1))
        if value.of_run and not makes_shape:
            raise InvalidGraphError(f"{node.operator}: sizes of the run make a shape, nothing else")


def _check_shape(node: Node, shape: Shape) -> None:
    size = product(shape)
    if len(shape) > MAX_RANK or any(d.c < 1 for d in shape):
        raise InvalidGraphError(f"{node.operator}: expected 1 to {MAX_RANK} sides, none of them empty")
    if max(size.rows, size.columns) > 1 or any(d.c != 1 for d in shape if not d.fixed):
        raise InvalidGraphError(f"{node.operator}: texels stay apart; expected rows and columns of the run once")


def _is_half(node: Node, taken: list[Value], made: Value) -> bool:
    """Whether onnxruntime computes it in float32, and casts what it takes and makes."""
    return FLOAT16 in (made.dtype, *(value.dtype for value in taken)) and node.operator != "Cast"


def _seconds(node: Node, taken: list[Value], made: Value, run: GraphInputs) -> float:
    """Of one node in one run."""
    n_items = run.items(made.shape)
    passes = max(1, len(taken) - 1) if node.operator == "Min" else 1  # it takes any number of values, two at a time
    seconds = NODE_S + VALUE_S * len(taken) + 1e-9 * OPERATORS[node.operator].item_ns * n_items * passes
    if _is_half(node, taken, made):
        seconds += HALF_S * sum(run.items(value.shape) for value in (made, *taken))
    n_bytes = ITEM_BYTES[made.dtype] * n_items
    if node.operator in CHEAP and n_bytes >= FRESH_FROM:
        seconds += FRESH_BYTE_S * n_bytes
    most_items = max(run.items(value.shape) for value in (made, *taken))
    is_far = ITEM_BYTES[made.dtype] * most_items > CACHED_BYTES
    if node.operator in MOVES and is_far:
        seconds += FAR_BYTE_S * ITEM_BYTES[made.dtype] * n_items
    if node.operator == "Gather" and is_far:
        inner = taken[0].shape[axis_of(node, len(taken[0].shape), 0) + 1 :]
        seconds += MISS_S * n_items / run.items(inner)
    if node.operator in PRODUCTS:
        side = -2 if node.attributes.get("transA") else -1
        each_s = PRODUCT_S if taken[0].dtype == FLOAT else OTHER_PRODUCT_S
        seconds += each_s * n_items * taken[0].shape[side].c + MATRIX_S * run.items(made.shape[:-2])
        seconds += READ_S * sum(run.items(value.shape) for value in taken)
    return seconds


def _made_on_the_way(node: Node, taken: list[Value], made: Value, run: GraphInputs) -> int:
    """Bytes that onnxruntime takes for a node beside its value."""
    n_bytes = 0
    if node.operator == "Min":  # two values at a time, and all that comes between is kept
        n_bytes = max(0, len(taken) - 2) * ITEM_BYTES[made.dtype] * run.items(made.shape)
    if node.operator == "MatMul" and len(made.shape) > 2:
        n_bytes += MATRIX_BYTES * run.items(made.shape[:-2])
    if _is_half(node, taken, made):
        n_bytes += ITEM_BYTES[FLOAT] * sum(run.items(value.shape) for value in (made, *taken))
    return n_bytes


def cost_of(graph: Graph, inputs: GraphInputs) -> GraphCost:
    """Check every node and output, and add up what a run takes; inputs are not counted.

    Args:
        graph: Of allowed operators.
        inputs: What will be fed, and what is expected.

    Raises:
        InvalidGraphError: a node does not fit its inputs, texels do not stay apart, or an output is of another shape.
    """
    values = _of_inputs(graph, inputs)
    of_frame, n_runs = inputs.of_frame()
    constants = _Constants(graph.constants)
    n_bytes, seconds = 0, 0.0
    for name, constant in graph.constants.items():
        if name in values:
            raise InvalidGraphError(f"{name!r:.40} is an input and an initializer")
        values[name] = _of_constant(constant)
    for node in graph.nodes:
        if node.output in values or not node.output:
            raise InvalidGraphError(f"{node.operator}: its output {node.output!r:.40} is there already, or has no name")
        missing = [name for name in node.inputs if name not in values]
        if missing:
            raise InvalidGraphError(f"{node.operator}: expected its input {missing[0]!r:.40} before it, found none")
        taken = [values[name] for name in node.inputs]
        _check_sizes_of_run(node, taken)
        value = OPERATORS[node.operator].rule(node, taken)
        _check_shape(node, value.shape)
        values[node.output] = value
        n_made = ITEM_BYTES[value.dtype] * inputs.items(value.shape)
        if n_made > MOST_BYTES:
            raise InvalidGraphError(f"{node.operator}: expected a value of at most {MOST_BYTES} bytes")
        n_bytes += n_made + _made_on_the_way(node, taken, value, inputs)
        constants.pack(node)
        seconds += _seconds(node, taken, value, of_frame)
    absent = [name for name in graph.outputs if name not in values]
    if absent or not graph.outputs:
        raise InvalidGraphError(f"expected its outputs to be made, found none for {absent[:1]!s:.80}")
    for name, shape in inputs.outputs.items():
        if name in graph.outputs and values[name].shape != as_shape(shape):
            raise InvalidGraphError(
                f"output {name}: expected {_text(as_shape(shape))}, found {_text(values[name].shape)}"
            )
        if name in graph.outputs and values[name].dtype != (UINT8 if name in BYTE_OUTPUTS else FLOAT):
            raise InvalidGraphError(f"output {name}: expected another type")
    own = FIELD_BYTES * graph.n_fields + NODE_BYTES * len(graph.nodes) + TEXT_COPIES * graph.n_text_bytes
    session_bytes = max(LEAST_SESSION_BYTES, own)
    seconds = n_runs * (RUN_S + seconds) + constants.seconds + FIELD_S * graph.n_fields
    return GraphCost(n_bytes + constants.n_bytes, n_bytes, session_bytes, seconds)


class _Constants:
    """The initializers, which runtimes pack for products when a session starts.

    Attributes:
        n_bytes: Of all of them, packed ones included.
        seconds: That packing takes.
    """

    def __init__(self, constants: Mapping[str, Constant]) -> None:
        self._sizes = {name: len(constant.data) for name, constant in constants.items()}
        self._packed: dict[str, set[tuple[object, ...]]] = {}  # how each is packed
        self.n_bytes, self.seconds = CONSTANT_COPIES * sum(self._sizes.values()), 0.0

    def pack(self, node: Node) -> None:
        """Add what a node has packed."""
        for side, name in enumerate(node.inputs[:2] if node.operator in PRODUCTS else ()):
            if name in self._sizes:
                kinds = self._packed.setdefault(name, set())
                kind = (node.operator, side, node.attributes.get("transA"), node.attributes.get("transB"))
                self.n_bytes += self._sizes[name] if kinds and kind not in kinds else 0  # one is counted in any case
                self.seconds += PACKING_S * self._sizes[name]
                kinds.add(kind)


def _text(shape: Shape) -> str:
    """A shape as it is read by people."""
    sides = ["".join([str(d.c)] * (d.fixed or d.c != 1) + ["h"] * d.rows + ["w"] * d.columns) for d in shape]
    return f"[{', '.join(sides)}]"
