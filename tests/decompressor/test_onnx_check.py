"""Graphs are looked into before onnxruntime sees them: anything but plain, allowed operators is refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from todpack.decompressor import InvalidGraphError, open_archive
from todpack.decompressor.graphs.check import ALLOWED_OPERATORS, OPSET, check_graph
from todpack.decompressor.graphs.session import make_session, run_session
from todpack.decompressor.graphs.shapes import GraphInputs
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.memory import MemoryAccount
from todpack.packer.gridmlp.latents_graph import latents_graph

NESTED = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "inner", [], [])


INPUTS = GraphInputs({"x": (2,)})


def start(model: bytes) -> Any:
    """A session of `make_model`'s graph."""
    memory = MemoryAccount(0, DEFAULT_LIMITS)
    return make_session(model, INPUTS, provider="cpu", max_nodes=512, memory=memory, where="here")[0]


def make_model(change: Callable[[onnx.ModelProto], object] = lambda _: None, n_nodes: int = 1) -> bytes:
    """`y = x + c + c ...` of operator set 17, changed."""
    names = ["x", *(f"s{i}" for i in range(1, n_nodes)), "y"]
    nodes = [helper.make_node("Add", [a, "c"], [b]) for a, b in itertools.pairwise(names)]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
        [numpy_helper.from_array(np.ones(2, np.float32), "c")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    change(model)
    data: bytes = model.SerializeToString()
    return data


def put_outside(model: onnx.ModelProto) -> None:
    initializer = model.graph.initializer[0]
    initializer.data_location = TensorProto.EXTERNAL
    initializer.external_data.add(key="location", value="/etc/passwd")


def add_sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add()


def add_function(model: onnx.ModelProto) -> None:
    model.functions.add(name="f", domain="mine")


def add_attribute(**values: object) -> Callable[[onnx.ModelProto], None]:
    def change(model: onnx.ModelProto) -> None:
        for name, value in values.items():
            model.graph.node[0].attribute.append(helper.make_attribute(name, value))

    return change


def test_plain_graph_passes_and_runs() -> None:
    check_graph(make_model(), INPUTS, 1)
    session = start(make_model())
    np.testing.assert_array_equal(session.run(["y"], {"x": np.zeros(2, np.float32)})[0], [1.0, 1.0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: setattr(m.graph.node[0], "op_type", "Loop"), "operator 'Loop' is not allowed"),
        (lambda m: setattr(m.graph.node[0], "op_type", "If"), "operator 'If' is not allowed"),
        (lambda m: setattr(m.graph.node[0], "op_type", "Äpfel"), "is not allowed"),
        (lambda m: m.graph.node[0].ClearField("op_type"), "operator '' is not allowed"),
        (lambda m: setattr(m.graph.node[0], "domain", "com.microsoft"), "standard domain, found a custom one"),
        (lambda m: setattr(m.opset_import[0], "version", 16), r"operator set 17, found 1 of \[16\]"),
        (lambda m: setattr(m.opset_import[0], "version", 18), r"operator set 17, found 1 of \[18\]"),
        (lambda m: m.ClearField("opset_import"), r"operator set 17, found 1 of \[\]"),
        (lambda m: m.opset_import.add(domain="ai.onnx.ml", version=3), "standard operator set, found a custom one"),
        (lambda m: m.opset_import.add(domain="", version=17), r"found 1 of \[17, 17\]"),
        (lambda m: m.ClearField("graph"), "expected one graph of operator set 17, found 0"),
        (lambda m: m.graph.node[0].input.__setitem__(0, "nowhere"), "expected its input 'nowhere' before it"),
        (lambda m: m.graph.node[0].output.append("more"), "expected one output, found 2"),
        (lambda m: m.graph.node[0].output.__setitem__(0, "x"), "its output 'x' is there already"),
        (lambda m: m.graph.node[0].input.append("c"), "Add: 3 inputs are not allowed"),
        (lambda m: m.graph.output.add(name="z", type=m.graph.output[0].type), "expected its outputs to be made"),
        (lambda m: m.graph.initializer[0].dims.__setitem__(0, 1 << 40), "expected 4398046511104 bytes, found 8"),
        (lambda m: m.graph.initializer[0].dims.__setitem__(0, -2), r"of shape \[-2\] is not allowed"),
        (lambda m: setattr(m.graph.initializer[0], "data_type", TensorProto.STRING), "type 8 of shape"),
        (lambda m: setattr(m.graph.initializer[0], "name", "x"), "'x' is an input and an initializer"),
        (lambda m: m.graph.initializer.append(m.graph.initializer[0]), "an input or initializer stands twice"),
        (lambda m: m.graph.initializer[0].float_data.append(1.0), "only plain fields in an initializer, found field 4"),
        (lambda m: m.graph.input.add(name="extra", type=m.graph.input[0].type), "expected inputs x, found"),
        (lambda m: m.graph.input[0].type.tensor_type.ClearField("shape"), "'x': expected a shape, found none"),
        (
            lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[0], "dim_value", 3),
            "input x: expected float32",
        ),
        (lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", TensorProto.INT64), "input x: expected"),
        (lambda m: m.graph.initializer[0].dims.extend([1] * 9), "more than 8 dims in an initializer"),
        (lambda m: m.graph.initializer[0].dims.extend([1] * 2_000_000), "more than 8 dims in an initializer"),
        (lambda m: m.graph.node[0].input.extend(["c"] * 40_000), "more than 32768 fields"),
        (lambda m: [m.graph.output.append(m.graph.output[0]) for _ in range(9_000)], "more than 32768 fields"),
        (lambda m: [m.opset_import.add(version=17) for _ in range(40_000)], "more than 32768 fields"),
        (lambda m: m.graph.node[0].output.__setitem__(0, "n" * 256), "a name in a node is longer than 255 bytes"),
        (lambda m: [m.graph.input[0].type.tensor_type.shape.dim.add(dim_value=1) for _ in range(9)], "more than 8 dim"),
        (add_attribute(axis=1), "Add: attribute 'axis' is not allowed"),
        (add_attribute(axis="text"), "only plain fields in an attribute, found field 4"),
        (add_attribute(body=NESTED), "only plain fields in an attribute, found field 6"),
        (add_attribute(bodies=[NESTED]), "only plain fields in an attribute, found field 11"),
        (add_attribute(value=numpy_helper.from_array(np.ones(2), "t")), "only plain fields in an attribute"),
        (put_outside, "only plain fields in an initializer, found field 1[34]"),
        (add_sparse, "only plain fields in the graph, found field 15"),
        (add_function, "only plain fields in the model, found field 25"),
        (lambda m: m.metadata_props.add(key="k", value="v"), "only plain fields in the model, found field 14"),
    ],
)
@pytest.mark.thorough
def test_refused_graphs(change: Callable[[onnx.ModelProto], object], words: str) -> None:
    with pytest.raises(InvalidGraphError, match=words):
        check_graph(make_model(change), INPUTS, 512)


def test_two_graphs_in_one_message() -> None:
    with pytest.raises(InvalidGraphError, match="expected one graph of operator set 17, found 2"):
        check_graph(
            make_model() + make_model(lambda m: (m.ClearField("opset_import"), m.ClearField("ir_version"))), INPUTS, 512
        )


def test_too_many_nodes() -> None:
    check_graph(make_model(n_nodes=40), INPUTS, 40)
    with pytest.raises(InvalidGraphError, match="more than 39 nodes"):
        check_graph(make_model(n_nodes=40), INPUTS, 39)


def test_every_truncation_is_refused_by_check_or_runtime() -> None:
    """Where a message ends between two fields it is a shorter message: then the runtime must say no, in our words."""
    data = make_model(n_nodes=2)
    for length in range(len(data)):
        with pytest.raises(InvalidGraphError, match=r"^here: "):
            start(data[:length])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    with pytest.raises(InvalidGraphError):
        check_graph(data, INPUTS, 512)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_random_changes_of_a_real_graph(data: st.DataObject) -> None:
    """Either it passes (a changed weight or name) or it is this error; nothing else comes out."""
    model = bytearray(make_model())
    for _ in range(data.draw(st.integers(1, 4))):
        model[data.draw(st.integers(0, len(model) - 1))] = data.draw(st.integers(0, 255))
    try:
        check_graph(bytes(model), INPUTS, 512)
    except InvalidGraphError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("bad", [b"\x80" * 11, b"\x08", b"\x3a\x05ab", b"\x3b", b"\x0d\x00", b"\x09\x00", b"\x38\x01"])
def test_wire_format(bad: bytes) -> None:
    """Endless varint, cut varint, cut bytes, group, cut fixed32 and fixed64, a number for the graph."""
    with pytest.raises(InvalidGraphError):
        check_graph(bad, INPUTS, 512)


def test_our_own_graphs_pass(wide_archive: Path) -> None:
    with open_archive(wide_archive, provider="cpu") as archive:
        for name in ("0/latents.onnx", "0/frame.onnx"):
            model = archive.container.read_bytes(name)
            used = {node.op_type for node in onnx.load_from_string(model).graph.node}
            assert used <= ALLOWED_OPERATORS
        archive.prepare()
    with pytest.raises(InvalidGraphError, match="more than 512 nodes"):
        check_graph(latents_graph([(2, 2)] * 32, 1, 8, 8, False), INPUTS, 512)


def test_nothing_is_allowed_that_no_graph_of_ours_needs() -> None:
    """Operators that can run code, open files or loop stay out."""
    assert not ALLOWED_OPERATORS & {"Loop", "If", "Scan", "PyOp", "Optional", "SequenceMap", "ConstantOfShape"}


def test_runtime_refusal_is_one_typed_line() -> None:
    wrong_types = make_model(lambda m: setattr(m.graph.node[0], "op_type", "Mod"))  # of floats, without fmod
    with pytest.raises(InvalidGraphError, match=r"^here: (onnxruntime cannot|the graph fails)") as caught:
        run_session(start(wrong_types), "y", {"x": np.zeros(2, np.float32)}, "here")
    assert "\n" not in str(caught.value)
