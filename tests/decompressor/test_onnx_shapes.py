"""Sizes of all values are known before a graph runs: equal to what the runtime makes, bounded in hostile graphs."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.decompressor.forge import put_together, take_apart
from todpack.decompressor import InvalidGraphError, LimitExceededError, open_archive
from todpack.decompressor.graphs.check import OPSET, check_graph
from todpack.decompressor.graphs.dims import COLUMNS, ROWS, Dim
from todpack.decompressor.graphs.engine import onnxruntime
from todpack.decompressor.graphs.operators import MIN_NS
from todpack.decompressor.graphs.runtime import MOST_WORKERS, Slots
from todpack.decompressor.graphs.session import make_session, start_session
from todpack.decompressor.graphs.shapes import (
    CONSTANT_COPIES,
    FAR_BYTE_S,
    FIELD_BYTES,
    FIELD_S,
    LEAST_SESSION_BYTES,
    MATRIX_BYTES,
    MATRIX_S,
    MISS_S,
    NODE_BYTES,
    NODE_S,
    PACKING_S,
    PRODUCT_S,
    READ_S,
    RUN_S,
    TEXT_COPIES,
    VALUE_S,
    GraphCost,
    GraphInputs,
)
from todpack.decompressor.graphs.wire import parse_model
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.memory import MemoryAccount

GOLDEN = sorted((Path(__file__).resolve().parents[1] / "golden").glob("*.tod"))
Z = GraphInputs({"z": (4, ROWS, COLUMNS)}, 8, 8)
SYMBOLIC = {"z": (ROWS, COLUMNS), "rows": (ROWS,), "columns": (COLUMNS,), "baseline": (ROWS, COLUMNS)}


def graph_of(nodes: Sequence[onnx.NodeProto], constants: dict[str, Any] | None = None, output: str = "y") -> bytes:
    """A model over the input z (4, h, w)."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [4, "h", "w"])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    graph.output[0].type.tensor_type.shape.dim.add(dim_param="any")
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def node(operator: str, inputs: Sequence[str], output: str = "y", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, [output], **attributes)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
@pytest.mark.parametrize("section", ["0/latents.onnx", "0/frame.onnx"])
def test_sizes_are_the_runtimes(path: Path, section: str) -> None:
    """Every value of every golden graph, by running it with all of them as outputs, at two sizes."""
    with open_archive(path, provider="cpu") as archive:
        if section not in archive.container.sections:
            return
        data = archive.container.read_bytes(section)
    model = onnx.load_from_string(data)
    constants = sum(len(t.raw_data) for t in model.graph.initializer)
    shapes: dict[str, list[int | Dim]] = {}
    for value in model.graph.input:
        free = iter(SYMBOLIC.get(value.name, ()))
        dims = value.type.tensor_type.shape.dim
        shapes[value.name] = [d.dim_value if d.HasField("dim_value") else next(free) for d in dims]
    del model.graph.output[:]
    model.graph.output.extend(helper.make_empty_tensor_value_info(n.output[0]) for n in model.graph.node)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for rows, columns in ((5, 7), (1, 16)):
        size = {ROWS: rows, COLUMNS: columns}
        feeds = {
            name: np.ones([d if isinstance(d, int) else size[d] for d in shape], np.float32)
            for name, shape in shapes.items()
        }
        made = sum(value.nbytes for value in session.run(None, feeds))
        expected = made + CONSTANT_COPIES * constants
        assert check_graph(data, GraphInputs(shapes, rows, columns), 512).n_bytes == expected


def doubling(n: int, operator: str = "Concat") -> bytes:
    """n nodes, each twice as large as the one before."""
    names = ["z", *(f"v{i}" for i in range(1, n)), "y"]
    return graph_of([node(operator, [a, a], b, axis=0) for a, b in itertools.pairwise(names)])


def test_doubling_is_refused_before_the_runtime_sees_it() -> None:
    data = doubling(24)
    assert len(data) < 1024
    assert check_graph(data, Z, 512).n_bytes == sum(4 * 4 * 64 << i for i in range(1, 25))
    with pytest.raises(LimitExceededError, match=r"^here: the graph would take about 34360260608 bytes"):
        make_session(data, Z, provider="cpu", max_nodes=512, memory=MemoryAccount(1000, DEFAULT_LIMITS), where="here")


def test_doubling_in_an_archive(tmp_path: Path) -> None:
    """The known attack: a frame graph of doubling nodes in a signed archive."""
    path = next(p for p in GOLDEN if p.stem == "gridmlp-1.0")
    metadata, stored = take_apart(path.read_bytes())
    index = [s["name"] for s in metadata["sections"]].index("0/frame.onnx")
    names = ["z", *(f"v{i}" for i in range(1, 24)), "all"]
    doubled = [node("Concat", [a, a], b, axis=0) for a, b in itertools.pairwise(names)]
    graph = helper.make_graph(
        [*doubled, node("Slice", ["all", "zero", "three"], "rgb")],
        "frame",
        [
            helper.make_tensor_value_info("z", TensorProto.FLOAT, [7, "h", "w"]),
            helper.make_tensor_value_info("time_h", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("rgb", TensorProto.FLOAT, [3, "h", "w"])],
        [numpy_helper.from_array(np.array([n]), name) for name, n in (("zero", 0), ("three", 3))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    stored[index] = model.SerializeToString()
    metadata["sections"][index].update(codec="raw", decoded_bytes=len(stored[index]), shape=[len(stored[index])])
    (tmp_path / "bomb.tod").write_bytes(put_together(metadata, stored))
    with (
        open_archive(tmp_path / "bomb.tod", provider="cpu") as archive,
        pytest.raises(LimitExceededError, match=r"section 0/frame\.onnx: the graph would take about"),
    ):
        archive.decode(12.0)


TO_INTEGERS = [node("Cast", ["z"], "i", to=7)]
COLUMN, ROW = np.ones((5000, 1), np.float32), np.ones((1, 5000), np.float32)


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ([node("MatMul", ["a", "b"])], {"a": COLUMN, "b": ROW}),
        ([node("Gemm", ["a", "b"])], {"a": COLUMN, "b": ROW}),
        ([node("Gemm", ["a", "a"], transB=1)], {"a": COLUMN}),
        ([node("Add", ["a", "b"])], {"a": COLUMN, "b": ROW}),
        ([node("Min", ["a", "b", "b"])], {"a": COLUMN, "b": ROW}),
        ([node("Less", ["a", "b"], "l"), node("Cast", ["l"], to=1)], {"a": COLUMN, "b": ROW}),
        ([node("Gather", ["a", "i"])], {"a": ROW, "i": np.zeros(20_000, np.int64)}),
        ([node("Reshape", ["a", "s"], "r"), node("Mul", ["r", "a"])], {"a": COLUMN, "s": np.array([1, 1, -1])}),
        ([node("Transpose", ["a"], "t", perm=[1, 0]), node("Sub", ["t", "a"])], {"a": COLUMN}),
        ([node("Unsqueeze", ["a", "i"], "u"), node("Add", ["u", "b"])], {"a": COLUMN, "b": ROW, "i": np.array([0])}),
    ],
    ids=["MatMul", "Gemm", "Gemm^T", "Add", "Min", "Less", "Gather", "Reshape", "Transpose", "Unsqueeze"],
)
def test_small_constants_that_grow(nodes: list[onnx.NodeProto], constants: dict[str, Any]) -> None:
    assert check_graph(graph_of(nodes, constants), Z, 512).n_bytes > 25_000_000


def fields_s(model: bytes) -> float:
    """Seconds of all its fields."""
    return FIELD_S * parse_model(model, 512).n_fields


def test_a_graph_itself_costs() -> None:
    """Here and in a session: constants that nothing takes, nodes of no values to speak of."""
    usual = check_graph(graph_of([node("Relu", ["z"])]), Z, 512)
    assert usual.session_bytes == LEAST_SESSION_BYTES
    many = graph_of([node("Relu", ["z"])], {f"c{i}": np.float32(0) for i in range(8000)})
    assert parse_model(many, 512).n_fields > 8000 * 4
    cost = check_graph(many, Z, 512)
    text = len(many) - 8000 * 4
    assert cost.session_bytes == FIELD_BYTES * parse_model(many, 512).n_fields + NODE_BYTES + TEXT_COPIES * text
    assert cost.seconds - usual.seconds == pytest.approx(8000 * 4 * FIELD_S)
    nodes = [node("Relu", [f"v{i}" if i else "z"], f"v{i + 1}" if i < 499 else "y") for i in range(500)]
    assert check_graph(graph_of(nodes), Z, 512).session_bytes > 500 * NODE_BYTES


def test_growth_with_the_run_is_known() -> None:
    """Values over all texels, and time for a frame of 256 x 256 in as many runs as it takes."""
    nodes = [node("Reshape", ["z", "s"], "p"), node("MatMul", ["m", "p"])]
    data = graph_of(nodes, {"s": np.array([4, -1]), "m": np.ones((100, 4), np.float32)})
    cost = check_graph(data, Z, 512)
    assert cost.n_bytes == 4 * 64 * (4 + 100) + CONSTANT_COPIES * (16 + 1600)
    large = check_graph(data, GraphInputs(Z.shapes, 1000, 1000), 512)
    assert large.n_bytes > 4 * 100 * 1_000_000
    per_texel, once = 1e-9 * (4 + 400) + 100 * 4 * PRODUCT_S + 4 * READ_S, 1600 * PACKING_S + fields_s(data)
    run = RUN_S + 2 * NODE_S + 4 * VALUE_S + MATRIX_S + 400 * READ_S
    assert large.seconds == pytest.approx(once + run + 65536 * per_texel)
    assert cost.seconds == pytest.approx(once + 1024 * run + 65536 * per_texel)
    one = check_graph(data, GraphInputs(Z.shapes, 8, 8, frame_texels=64), 512)
    assert one.seconds == pytest.approx(once + run + 64 * per_texel)


def test_constants_are_kept_in_copies() -> None:
    """A matrix that products pack in two ways; and what is made of constants is made in each run."""
    nodes = [node("Add", ["m", "m"], "m2"), node("Reshape", ["z", "four"], "p")]
    nodes += [node("Gemm", ["p", "m"], "q", transA=1), node("Gemm", ["q", "m"], "r", transB=1)]
    nodes += [node("Gemm", ["r", "m2"], "s"), node("Slice", ["s", "zero", "four_", "one"], "y")]
    constants = {"m": np.ones((4, 1000), np.float32), "four": np.array([4, -1])}
    constants |= {"zero": np.array([0]), "four_": np.array([4]), "one": np.array([1])}
    cost = check_graph(graph_of(nodes, constants), GraphInputs(Z.shapes, 1, 1, frame_texels=1), 512)
    assert cost.run_bytes == 4 * (4000 + 4 + 1000 + 4 + 1000 + 4)
    assert cost.n_bytes - cost.run_bytes == CONSTANT_COPIES * (16000 + 16 + 3 * 8) + 16000
    assert cost.seconds > 2 * 16000 * PACKING_S


def test_each_matrix_of_a_batch_costs() -> None:
    """A runtime multiplies them one by one."""
    nodes = [node("Unsqueeze", ["z", "axes"], "m"), node("MatMul", ["m", "m"])]
    data = graph_of(nodes, {"axes": np.array([3, 4])})
    cost = check_graph(data, GraphInputs(Z.shapes, 8, 8, frame_texels=64), 512)
    assert cost.seconds > 4 * 64 * MATRIX_S
    assert cost.run_bytes == 4 * 64 * (2 * 4 + MATRIX_BYTES)
    constants = {"a": np.ones((50, 1, 1, 1), np.float32), "b": np.ones((1, 60, 1, 1), np.float32)}
    other = check_graph(graph_of([node("Relu", ["z"]), node("MatMul", ["a", "b"], "c")], constants), Z, 512)
    assert other.run_bytes == 4 * (4 * 64 + 3000) + 3000 * MATRIX_BYTES


def test_places_that_no_cache_holds_cost_more() -> None:
    """A table of 4 MiB, of which single items or rows of 1024 are taken from anywhere."""

    def cost(n_rows: int, n_columns: int) -> GraphCost:
        nodes = [node("Reshape", ["z", "s"], "r"), node("Cast", ["r"], "i", to=7), node("Gather", ["t", "i"])]
        constants = {"s": np.array([4, -1]), "t": np.zeros((n_rows, n_columns), np.float32)}
        return check_graph(graph_of(nodes, constants), GraphInputs(Z.shapes, 1, 1024, frame_texels=1024), 512)

    small, large, rows = cost(1 << 18, 1), cost(1 << 20, 1), cost(1 << 10, 1 << 10)
    assert large.seconds == pytest.approx(small.seconds + 4 * 1024 * MISS_S)
    assert rows.seconds < 4 * 1024 * 1024 * MISS_S / 2  # only the first item of a row lies in another place


@pytest.mark.parametrize(("kind", "n_bytes"), [(1, 4), (7, 8), (2, 1)])
def test_items_that_move_between_places_that_no_cache_holds_cost_more(kind: int, n_bytes: int) -> None:
    def cost(n: int) -> float:
        nodes = [node("Reshape", ["z", "s"], "r"), node("Cast", ["r"], "c", to=kind)]
        nodes += [node("Transpose", ["c"], perm=[1, 0])]
        data = graph_of(nodes, {"s": np.array([4, -1])})
        return check_graph(data, GraphInputs(Z.shapes, 1, n, run_texels=n, frame_texels=n), 512).seconds

    near, far = (2 << 20) // n_bytes // 4, (4 << 20) // n_bytes // 4
    each = [(cost(n) - cost(16)) / (n - 16) for n in (near, far)]
    assert each[1] - each[0] == pytest.approx(4 * n_bytes * FAR_BYTE_S, rel=1e-3)


def test_other_types_cost_more() -> None:
    """Half floats are computed in float32, and products of integers have no fast kernels."""

    def cost(kind: int, operator: str, other: Any) -> GraphCost:
        nodes = [node("Reshape", ["z", "s"], "r"), node("Cast", ["r"], "c", to=kind), node(operator, ["o", "c"])]
        data = graph_of(nodes, {"s": np.array([4, -1]), "o": other})
        return check_graph(data, GraphInputs(Z.shapes, 1, 1024, frame_texels=1024), 512)

    half, full = (cost(k, "Min", np.ones((4, 1), t)) for k, t in ((10, np.float16), (1, np.float32)))
    assert half.n_bytes > full.n_bytes + 4 * 3 * 1024
    integers, floats = (cost(k, "MatMul", np.ones((64, 4), t)) for k, t in ((7, np.int64), (1, np.float32)))
    assert integers.seconds > floats.seconds + 64 * 1024 * 4 * 0.8e-9


def test_sizes_beyond_all_numbers_are_refused() -> None:
    nodes = [node("Concat", [f"v{i}"] * 60, f"v{i + 1}", axis=0) for i in range(200)]
    nodes[0].input[:] = ["z"] * 60
    with pytest.raises(InvalidGraphError, match="Concat: expected a value of at most"):
        check_graph(graph_of(nodes, output="v200"), Z, 512)


@pytest.mark.parametrize(("n_values", "passes"), [(1, 1), (2, 1), (30_000, 29_999)])
def test_a_minimum_of_many_values_costs_each(n_values: int, passes: int) -> None:
    data = graph_of([node("Min", ["z"] * n_values)])
    cost = check_graph(data, GraphInputs(Z.shapes, 8, 8, frame_texels=64), 512)
    assert cost.n_bytes == passes * 4 * 4 * 64
    run_s = RUN_S + NODE_S + n_values * VALUE_S + 1e-9 * MIN_NS * 4 * 64 * passes
    assert cost.seconds == pytest.approx(run_s + fields_s(data))


def test_a_broadcast_costs_what_it_takes() -> None:
    """Two values of each texel meet two others: a runtime takes them two at a time."""
    nodes = [node("Transpose", ["z"], "t", perm=[1, 2, 0]), node("Reshape", ["t", "s"], "p"), node("Add", ["p", "two"])]
    constants = {"s": np.array([64, 1024, 4, 1]), "two": np.ones(2, np.float32)}
    inputs = {"z": (4, 64, 1024)}
    cost = check_graph(graph_of(nodes, constants), GraphInputs(inputs, frame_texels=1), 512)
    session = start_session(graph_of(nodes, constants), provider="cpu", where="graph")
    feeds = {"z": np.zeros(inputs["z"], np.float32)}
    times = []
    for _ in range(5):
        started = time.process_time()
        session.run(None, feeds)
        times.append(time.process_time() - started)
    assert min(times) < 2 * cost.seconds


SIZE = [node("Shape", ["z"], "s"), node("Slice", ["s", "one", "three"], "size")]
ENDS = {"one": np.array([1]), "three": np.array([3])}


@pytest.mark.parametrize(
    ("nodes", "constants", "words"),
    [
        ([node("Reshape", ["z", "s"])], {"s": np.array([-1, 1])}, "Reshape: texels stay apart"),
        (
            [node("Transpose", ["z"], "t", perm=[0, 2, 1]), node("Reshape", ["t", "s"])],
            {"s": np.array([4, -1])},
            "Reshape: texels stay",
        ),
        ([*SIZE, node("Concat", ["size", "four"], "t", axis=0), node("Reshape", ["z", "t"])],
         {**ENDS, "four": np.array([4])}, "Reshape: texels stay apart"),
        ([node("Gather", ["z", "i"], axis=1)], {"i": np.array([0])}, "Gather: texels stay apart"),
        ([node("Concat", ["z", "z"], axis=2)], {}, "Concat: texels stay apart"),
        ([node("Transpose", ["z"], "t", perm=[0, 2, 1]), node("MatMul", ["z", "t"])], {}, "MatMul: texels stay apart"),
        ([node("Reshape", ["z", "s"], "p"), node("Gemm", ["p", "p"], transB=1)], {"s": np.array([4, -1])}, "Gemm: "),
        ([node("Transpose", ["z"], "t", perm=[0, 2, 1]), node("Add", ["z", "t"])], {}, "shapes do not go together"),
        (
            [node("Unsqueeze", ["z", "last"], "a"), node("Unsqueeze", ["z", "middle"], "b"), node("Mul", ["a", "b"])],
            {"last": np.array([3]), "middle": np.array([1])},
            "together",
        ),
        (
            [node("Slice", ["z", "zero", "one", "zero"], "r"), node("Unsqueeze", ["r", "a"], "x"),
             node("Unsqueeze", ["r", "b"], "v"), node("Mul", ["x", "v"])],
            {"zero": np.array([0]), "one": np.array([1]), "a": np.array([1, 4]), "b": np.array([2, 3])},
            "texels stay apart; expected rows and columns of the run once",
        ),
        ([*SIZE, node("Cast", ["size"], "n", to=1), node("Mul", ["z", "n"])], ENDS, "Cast: sizes of the run"),
        ([*SIZE, node("Unsqueeze", ["size", "one"], "u")], ENDS, "Unsqueeze: sizes of the run make"),
        ([*SIZE, node("Gather", ["z", "size"])], ENDS, "Gather: sizes of the run make a shape"),
        ([*SIZE, node("Reshape", ["size", "three"])], ENDS, "Reshape: sizes of the run make a shape"),
        ([*SIZE, node("Concat", ["size"] * 33, axis=0)], ENDS, "Concat: sizes of the run make a shape"),
        (  # numbers that are not known hide none that are sizes
            [*SIZE, node("Transpose", ["one"], "t"), node("Concat", ["t", "size"], "c", axis=0),
             node("Cast", ["c"], "n", to=1), node("Slice", ["n", "one", "two"], "m"), node("Mul", ["z", "m"])],
            {**ENDS, "two": np.array([2])},
            "Concat: sizes of the run make a shape",
        ),
    ],
)  # fmt: skip
def test_texels_stay_apart(nodes: list[onnx.NodeProto], constants: dict[str, Any], words: str) -> None:
    """A graph that looks at other texels, or at how many there are, gives a region other values than a frame."""
    with pytest.raises(InvalidGraphError, match=words):
        check_graph(graph_of(nodes, constants), Z, 512)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({"y": (4, ROWS, COLUMNS)}, None),
        ({"y": (3, ROWS, COLUMNS)}, r"output y: expected \[3, h, w\], found \[4, h, w\]"),
        ({"y": (4, COLUMNS, ROWS)}, r"output y: expected \[4, w, h\], found \[4, h, w\]"),
        ({"y": (4, Dim(1, 1, 1))}, r"output y: expected \[4, hw\], found"),
        ({"other": (1,)}, None),
    ],
)
def test_outputs_are_of_the_shape_that_is_expected(outputs: dict[str, Any], words: str | None) -> None:
    inputs = GraphInputs(Z.shapes, 8, 8, outputs)
    if words is None:
        check_graph(graph_of([node("Relu", ["z"])]), inputs, 512)
        return
    with pytest.raises(InvalidGraphError, match=words):
        check_graph(graph_of([node("Relu", ["z"])]), inputs, 512)


def test_codes_are_bytes() -> None:
    inputs = GraphInputs(Z.shapes, 8, 8, {"codes": (4, ROWS, COLUMNS)})
    check_graph(graph_of([node("Cast", ["z"], "codes", to=2)], output="codes"), inputs, 512)
    with pytest.raises(InvalidGraphError, match="output codes: expected another type"):
        check_graph(graph_of([node("Relu", ["z"], "codes")], output="codes"), inputs, 512)


def test_exponents_do_not_pile_up() -> None:
    """Rows times rows times ...: 24 nodes, h to the power of 2^24, once took seconds and numbers of megabytes."""
    nodes = [node("Reshape", ["z", "a"], "v0")]
    nodes += [node("MatMul", [f"v{i}", f"v{i}"], f"v{i + 1}") for i in range(24)]
    with pytest.raises(InvalidGraphError, match="texels stay apart"):
        check_graph(graph_of([*nodes, node("Relu", ["v24"])], {"a": np.array([-1, 1])}), Z, 512)


@pytest.mark.parametrize(
    ("nodes", "constants", "words"),
    [
        ([node("Cast", ["z"], "i", to=7), node("Reshape", ["z", "i"])], {}, "Reshape: expected a shape from"),
        (
            [node("Cast", ["s"], "i", to=7), node("Slice", ["z", "i", "i"])],
            {"s": np.array([1])},
            "numbers from",
        ),
        (
            [node("Shape", ["z"], "s"), node("Slice", ["z", "n", "s"])],
            {"n": np.zeros(3, np.int64)},
            "Slice: sizes of the run",
        ),
        ([node("Slice", ["z", "a", "b", "c"])], {"a": np.array([0]), "b": np.array([1]), "c": np.array([1])}, "a side"),
        ([node("Slice", ["z", "a", "a", "a", "a"])], {"a": np.array([0])}, "Slice: 5 inputs are not allowed"),
        ([node("Reshape", ["z", "s"])], {"s": np.array([0, -1])}, "Reshape: expected a shape from"),
        ([node("Reshape", ["z", "s"])], {"s": np.array([3, -1])}, "Reshape: expected a shape of as many"),
        ([node("Reshape", ["z", "s"])], {"s": np.array([4, 64])}, "Reshape: expected a shape of as many"),
        ([node("Concat", ["z", "c"], axis=0)], {"c": np.ones((4, 2, 2), np.float32)}, "Concat: shapes do not go"),
        ([node("Concat", ["z", "z"], axis=3)], {}, "Concat: axis out of range"),
        ([node("Transpose", ["z"], perm=[0, 0, 1])], {}, "not a permutation"),
        ([node("Add", ["z", "c"])], {"c": np.ones((4, 3, 3), np.float32)}, "shapes do not go together"),
        ([node("Cast", ["z"], to=8)], {}, "Cast: type 8 is not allowed"),
        ([node("Expand", ["z", "s"])], {"s": np.array([1 << 40])}, "operator 'Expand' is not allowed"),
        ([node("Tile", ["z", "s"])], {"s": np.array([1 << 40])}, "operator 'Tile' is not allowed"),
        ([node("ConstantOfShape", ["s"])], {"s": np.array([1 << 40])}, "operator 'ConstantOfShape' is not allowed"),
        ([node("Range", ["s", "s", "s"])], {"s": np.array(1)}, "operator 'Range' is not allowed"),
        ([node("Unsqueeze", ["z", "s"])], {"s": np.arange(6)}, "Unsqueeze: axes out of range"),
        (
            [node("Gather", ["z", "i"], "g"), node("Gather", ["g", "i"])],
            {"i": np.zeros((1,) * 5, np.int64)},
            "1 to 8 sides",
        ),
        ([*TO_INTEGERS, node("Mod", ["i", "d"])], {"d": np.array([-1])}, "Mod: expected a positive constant"),
        ([*TO_INTEGERS, node("Mod", ["i", "d"])], {"d": np.array([3, 0, 1, 2])}, "Mod: expected a positive constant"),
        ([*TO_INTEGERS, node("Div", ["i", "i"])], {}, "Div: expected a positive constant"),
        ([*TO_INTEGERS, node("Div", ["d", "d"])], {"d": np.array([-1], np.int8)}, "Div: expected a positive constant"),
        (
            [node("Slice", ["z", "a", "a", "a"])],
            {"a": np.array([0])},
            "Slice: expected 1 to 8 sides, none",
        ),
        ([node("MatMul", ["z", "z"])], {}, "MatMul: shapes do not go together"),
        ([node("Clip", ["z", "z", "z"])], {}, "Clip: expected single numbers"),
    ],
)
def test_shapes_that_cannot_be_followed_are_refused(
    nodes: list[onnx.NodeProto], constants: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidGraphError, match=words):
        check_graph(graph_of(nodes, constants), Z, 512)


def test_declared_shapes_that_the_runtime_would_fold() -> None:
    """A graph may not declare another shape than is fed: the runtime would compute with it when it loads the graph."""
    model = onnx.load_from_string(graph_of([node("Relu", ["z"])]))
    check_graph(model.SerializeToString(), Z, 512)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1 << 40
    with pytest.raises(InvalidGraphError, match="input z: expected float32 of another shape"):
        check_graph(model.SerializeToString(), Z, 512)


LOAD = """
import sys
import numpy as np
from todpack.decompressor.graphs.session import run_session, start_session
session = start_session(sys.stdin.buffer.read(), provider="cpu", where="here")
z = np.arange(4 * 3 * 5, dtype=np.float32).reshape(4, 3, 5)
print(run_session(session, "y", {"z": z}, "here").sum())
"""


@pytest.mark.parametrize("to", [TensorProto.INT64, TensorProto.FLOAT16])
def test_a_product_of_a_transposed_value_that_was_cast(to: int) -> None:
    """onnxruntime 1.31 ends the process where it fuses the two; 1770 is the sum of all numbers under 60."""
    nodes = [node("Cast", ["z"], "c", to=to), node("Transpose", ["c"], "t", perm=[1, 2, 0]),
             node("Cast", ["t"], "f", to=TensorProto.FLOAT), node("MatMul", ["f", "w"])]  # fmt: skip
    model = graph_of(nodes, {"w": np.ones((4, 1), np.float32)})
    check_graph(model, Z, 512)
    done = subprocess.run([sys.executable, "-c", LOAD], input=model, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"1770.0\n"), done.stderr


def most_at_once(slots: Slots, expected: int) -> int:
    """Runs at once, of twice as many threads as there may ever be; each waits for so many, but not for ever."""
    at_once, most, lock = 0, 0, threading.Lock()

    def run() -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        until = time.monotonic() + 10
        while most < expected and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(0.002)
        with lock:
            at_once -= 1

    callers = [threading.Thread(target=slots.do, args=(run,)) for _ in range(2 * MOST_WORKERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return most


def test_runs_at_once_take_no_more_than_a_file_may() -> None:
    slots = Slots(100)
    for run_bytes, n_at_once in ((1, MOST_WORKERS), (30, 4), (99, 2), (101, 1), (10, 1)):
        slots.make_room(run_bytes)
        assert most_at_once(slots, n_at_once) == n_at_once


def test_a_concat_of_many_values_is_looked_at_once() -> None:
    """A list of all numbers so far for each input took minutes."""
    many = graph_of([node("Concat", ["a"] * 20_000, "c", axis=0), node("Gather", ["c", "i"])],
                    {"a": np.arange(64), "i": np.array(3)})  # fmt: skip
    started = time.process_time()
    check_graph(many, Z, 512)
    assert time.process_time() - started < 5
