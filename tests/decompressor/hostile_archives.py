"""Archives that attack a reader, one of each kind that once succeeded, made from this repository's own material."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import zstandard
from onnx import TensorProto, helper, numpy_helper

from tests.conftest import REPOSITORY
from tests.decompressor.forge import decoded_section, put_together, take_apart
from tests.decompressor.small_bombs import daybasis

GOLDEN = REPOSITORY / "tests" / "golden"
ESCAPE = "\x1b]0;title\x07\x1b[2J\x1b[31m"
Change = Callable[[dict[str, Any]], object]
GraphChange = Callable[[onnx.GraphProto], object]


def changed(name: str, change: Change) -> bytes:
    """A golden archive with other metadata, signed again."""
    metadata, stored = take_apart((GOLDEN / f"{name}.tod").read_bytes())
    change(metadata)
    metadata.get("requires", []).remove("digest") if "digest" in metadata.get("requires", []) else None
    return put_together(metadata, stored)


def with_graph(name: str, section: str, change: GraphChange) -> bytes:
    """A golden archive with another graph."""
    metadata, stored = take_apart((GOLDEN / f"{name}.tod").read_bytes())
    at = [entry["name"] for entry in metadata["sections"]].index(section)
    entry = metadata["sections"][at]
    model = onnx.ModelProto.FromString(stored[at] if entry["codec"] == "raw" else decoded_section(entry, stored[at]))
    change(model.graph)
    plain = model.SerializeToString()
    stored[at] = zstandard.compress(plain, 19)
    entry.update(codec="zstd", decoded_bytes=len(plain), shape=[len(plain)])
    return put_together(metadata, stored)


def _before_rgb(graph: onnx.GraphProto, nodes: list[onnx.NodeProto], last: str) -> None:
    """Put nodes between what made `rgb` and the output `rgb`; they take `plain` and end in `last`."""
    for node in graph.node:
        node.output[:] = ["plain" if output == "rgb" else output for output in node.output]
        node.input[:] = ["plain" if value == "rgb" else value for value in node.input]
    graph.node.extend([*nodes, helper.make_node("Relu", [last], ["rgb"])])


def _adds_texels(graph: onnx.GraphProto) -> None:
    """A texel that depends on how many there are."""
    nodes = [
        helper.make_node("Shape", ["z"], ["sides"]),
        helper.make_node("Cast", ["sides"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["real", "x_first", "x_second"], ["x_count"]),
        helper.make_node("Mul", ["plain", "x_count"], ["scaled"]),
    ]  # fmt: skip
    graph.initializer.extend(
        [numpy_helper.from_array(np.array([n]), name) for n, name in ((1, "x_first"), (2, "x_second"))]
    )
    _before_rgb(graph, nodes, "scaled")


def _multiplies_sides(graph: onnx.GraphProto) -> None:
    """A value whose size is a power of the texels."""
    nodes, last = [], "plain"
    for n in range(8):
        nodes.append(helper.make_node("Transpose", [last], [f"turned{n}"], perm=[0, 2, 1]))
        nodes.append(helper.make_node("MatMul", [last, f"turned{n}"], [f"power{n}"]))
        last = f"power{n}"
    _before_rgb(graph, nodes, last)


def _is_slow(graph: onnx.GraphProto) -> None:
    """Some kilobytes of zeros that take minutes: products of 1024 x 1024 for every texel, eight times."""
    graph.initializer.append(numpy_helper.from_array(np.zeros((1024, 1024), np.float32), "x_wide"))
    graph.initializer.append(numpy_helper.from_array(np.zeros((1024, 3), np.float32), "x_up"))
    graph.initializer.append(numpy_helper.from_array(np.zeros((3, 1024), np.float32), "x_down"))
    graph.initializer.append(numpy_helper.from_array(np.array([3, -1]), "x_rows"))
    nodes = [
        helper.make_node("Reshape", ["plain", "x_rows"], ["flat"]),
        helper.make_node("MatMul", ["x_up", "flat"], ["w0"]),
        *(helper.make_node("MatMul", ["x_wide", f"w{n}"], [f"w{n + 1}"]) for n in range(8)),
        helper.make_node("MatMul", ["x_down", "w8"], ["thin"]),
        helper.make_node("Shape", ["plain"], ["x_shape"]), helper.make_node("Reshape", ["thin", "x_shape"], ["again"]),
    ]  # fmt: skip
    _before_rgb(graph, nodes, "again")


def _loops(graph: onnx.GraphProto) -> None:
    body = helper.make_graph([helper.make_node("Identity", ["go"], ["still"])], "body", [], [])
    graph.node.append(helper.make_node("Loop", ["plain"], ["never"], body=body))


def _escapes(graph: onnx.GraphProto) -> None:
    graph.node[0].op_type = ESCAPE


def _takes_memory(graph: onnx.GraphProto) -> None:
    graph.node.append(helper.make_node("ConstantOfShape", ["time_h"], ["much"]))


def _long_operator(graph: onnx.GraphProto) -> None:
    graph.node[0].op_type = "x" * 100_000


def hostile_archives() -> Iterator[tuple[str, bytes, str]]:
    """(what it does, bytes, words of the error that it gives to whoever decodes it)."""
    for family, section in (("daybasis-zstd-1.0", "0/frame.onnx"), ("gridmlp-1.0", "0/frame.onnx")):
        for what, change, words in (
            ("texels depend on their number", _adds_texels, "sizes of the run make a shape, nothing else"),
            ("sides are multiplied", _multiplies_sides, "texels stay apart"),
            ("minutes of products", _is_slow, "would take about"),
            ("a loop", _loops, "operator 'Loop' is not allowed|expected only plain fields"),
            ("escape sequences", _escapes, r"operator '\\x1b\]0;title\\x07"),
            ("memory of any size", _takes_memory, "operator 'ConstantOfShape' is not allowed"),
            ("a name of 100 kB", _long_operator, "longer than 255 bytes"),
        ):
            yield f"{family}: {what}", with_graph(family, section, change), words

    def model(metadata: dict[str, Any]) -> dict[str, Any]:
        return metadata["lightmaps"][0]["model"]  # type: ignore[no-any-return]

    metadata_changes: tuple[tuple[str, Change, str], ...] = (
        ("exponents beyond float32", lambda m: model(m)["exponents"].__setitem__(0, 1 << 20), "exponents"),
        ("precision beyond float32", lambda m: model(m).update(precision=1 << 40), "precision: expected an integer"),
        ("escape in a name", lambda m: m["lightmaps"][0].update(name=ESCAPE), "name: expected printable text"),
        ("a name of 100 kB", lambda m: m["lightmaps"][0].update(name="n" * 100_000), "name: expected printable text"),
        ("surrogates", lambda m: m["lightmaps"][0].update(name="\ud800"), "name: expected printable text"),
        ("hours too close", lambda m: m.update(hours=[12 + n * 1e-9 for n in range(24)]), "float32 tells apart"),
        ("another family's fields", lambda m: m.update(model_type="siren"), "expected the field"),
    )  # fmt: skip
    for what, change, words in metadata_changes:
        yield what, changed("daybasis-zstd-1.0", change), words
    yield "tiles without end", daybasis(1500, 16), r"expected a section '0/\d+/coefficients', found none|coefficients"


def write_hostile_archives(folder: Path) -> list[tuple[str, Path, str]]:
    """(what it does, file, words of the error)."""
    made = []
    for number, (what, data, words) in enumerate(hostile_archives()):
        path = folder / f"{number:02d}.tod"
        path.write_bytes(data)
        made.append((what, path, words))
    return made
