"""The page's parts without a browser: program, maps, the command."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.decompressor.forge import with_large_sums
from todpack.cli import main
from todpack.decompressor import ArchiveError, InvalidGraphError, open_archive
from todpack.decompressor.verify import verify_archive
from todpack.eval.errors import EvalError
from todpack.eval.view import page as page_module
from todpack.eval.view.page import build_page
from todpack.eval.view.payload import MAX_ERROR_CODES, encode_maps, graph_section, pack_maps
from todpack.eval.view.program import frame_program
from todpack.eval.web.page import asset, embedded_json

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
ARCHIVES = ("daybasis-ans-1.2.tod", "gridmlp-1.0.tod")


@pytest.mark.parametrize("name", ARCHIVES)
def test_program_reaches_rgb_from_z(name: str) -> None:
    with open_archive(GOLDEN / name) as archive:
        lightmap, section = archive.lightmaps[0], graph_section(archive, 0)
        graph, channels = archive.container.read_bytes(section), len(lightmap.latents())
        program = frame_program(graph, lightmap.frame_inputs(), channels, name)
    known = {"z", "time_h", *program.constants}
    for step in [*program.time_steps, *program.texel_steps]:
        assert set(step["inputs"]) <= known
        known.add(step["out"])
    assert program.result in known
    assert program.texel_steps[-1]["n"] == 3


def small_graph(*nodes: Any, **constants: Any) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, [3, "h", "w"])
    time = helper.make_tensor_value_info("time_h", TensorProto.FLOAT, [1])
    rgb = helper.make_tensor_value_info("rgb", TensorProto.FLOAT, [3, "h", "w"])
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(list(nodes), "frame", [z, time], [rgb], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def test_a_graph_that_the_decoder_refuses_does_not_run() -> None:
    from onnx import helper

    nodes = [helper.make_node("Softmax", ["z"], ["soft"], axis=0), helper.make_node("Add", ["soft", "time_h"], ["rgb"])]
    with pytest.raises(InvalidGraphError, match=r"^a\.tod: operator 'Softmax' is not allowed"):
        frame_program(small_graph(*nodes), {}, 3, "a.tod")


def test_a_graph_that_the_viewer_does_not_know_is_refused() -> None:
    from onnx import helper

    turned = [helper.make_node("Transpose", ["z"], ["t"], perm=[0, 2, 1]), helper.make_node("Relu", ["t"], ["rgb"])]
    with pytest.raises(EvalError, match="Transpose t: the operator is not known"):
        frame_program(small_graph(*turned), {}, 3, "a.tod")


def test_a_graph_that_the_page_would_compute_otherwise_is_refused() -> None:
    from onnx import helper

    node, first = helper.make_node, {"start": [0], "end": [1], "axis": [0]}
    refused: dict[str, tuple[list[Any], dict[str, Any]]] = {
        "Cast i: it changes numbers": (
            [node("Cast", ["z"], ["i"], to=7), node("Cast", ["i"], ["rgb"], to=1)],
            {},
        ),
        "Min rgb: the operator is not known": (
            [node("Min", ["z", "a", "b"], ["rgb"])],
            {"a": np.float32(1), "b": np.float32(2)},
        ),
        "Mul rgb: expected a number for each": (
            [node("Slice", ["z", "start", "end", "axis"], ["red"]), node("Mul", ["red", "w"], ["rgb"])],
            {**first, "w": np.ones((3, 1, 1), np.float32)},
        ),
    }
    for message, (nodes, constants) in refused.items():
        with pytest.raises(EvalError, match=message):
            frame_program(small_graph(*nodes, **constants), {}, 3, "a.tod")


def test_a_graph_that_fails_is_refused() -> None:
    from onnx import helper

    gather = helper.make_node("Gather", ["z", "channels"], ["rgb"], axis=0)
    with pytest.raises(InvalidGraphError, match=r"^a\.tod: the graph fails: "):
        frame_program(small_graph(gather, channels=[0, 1, 7]), {}, 3, "a.tod")


@pytest.mark.skipif(shutil.which("node") is None, reason="no node")
def test_numbers_of_shaders() -> None:
    script = asset("view/shader.js") + "\nconsole.log([255, -0.5, 1e-7, -3.4028234663852886e38].map(literal).join())"
    found = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True).stdout
    assert found == "255.0,-0.5,1e-7,-3.4028234663852886e+38\n"


@pytest.mark.parametrize("name", ARCHIVES)
def test_packed_maps_keep_values(name: str) -> None:
    with open_archive(GOLDEN / name) as archive:
        packed = pack_maps(archive, 0)
        maps, valid = archive.lightmaps[0].latents(), archive.lightmaps[0].valid
    assert packed.kind == "uint16"
    assert 0.0 < packed.error_codes <= MAX_ERROR_CODES
    restored = packed.values * packed.scale[:, None, None] + packed.offset[:, None, None]
    assert (np.abs(restored - maps)[:, valid] <= 0.51 * packed.scale[:, None]).all()


def test_map_bytes_are_planes_of_row_differences() -> None:
    from todpack.eval.view.payload import PackedMaps

    values = np.array([[[5, 300, 1]]], np.uint16)
    packed = PackedMaps("uint16", values, np.ones(1, np.float32), np.zeros(1, np.float32), 0.0)
    # 5, +295 = 0x0127, -299 = 0xFED5
    assert encode_maps(packed) == bytes([5, 0x27, 0xD5, 0, 0x01, 0xFE])


def test_embedded_json_cannot_end_its_script() -> None:
    text = embedded_json({"name": "</script><b>"})
    assert "<" not in text
    assert json.loads(text) == {"name": "</script><b>"}


def test_the_page_asks_nothing_of_a_network() -> None:
    for name, element in zip(ARCHIVES, ("archive", "blob"), strict=True):
        text = build_page(GOLDEN / name).text
        assert re.search(r"(?:src|href)\s*=|@import|https?://|{{", text) is None
        found = re.search(rf'id="{element}"[^>]*>([^<]+)<', text)
        assert found is not None
        data = base64.b64decode(found.group(1))
        assert data == (GOLDEN / name).read_bytes() if element == "archive" else len(gzip.decompress(data)) > 1000


def test_a_page_is_little_more_than_its_archive(tmp_path: Path) -> None:
    path = GOLDEN / ARCHIVES[0]
    assert len(build_page(path).text.encode()) <= 1.4 * path.stat().st_size + 250_000


def test_an_archive_too_large_for_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "MAX_ARCHIVE_BYTES", 100)
    with pytest.raises(EvalError, match="a page carries archives of up to 100 bytes, found"):
        build_page(GOLDEN / ARCHIVES[0])


def test_sums_that_a_browser_does_not_add_up_exactly_are_refused(tmp_path: Path) -> None:
    path = with_large_sums(GOLDEN / "daybasis-zstd-1.0.tod", tmp_path / "large.tod")
    assert verify_archive(path).whole
    with pytest.raises(EvalError, match="expected numbers whose sums are exact in float32, as a browser adds them up"):
        build_page(path)


def test_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "view.html"
    assert main(["view", str(GOLDEN / ARCHIVES[0]), "-o", str(out)]) == 0
    assert f"{out}: {out.stat().st_size} bytes" in capsys.readouterr().out
    assert main(["view", str(GOLDEN / ARCHIVES[0]), "-o", str(out), "--lightmap", "gone"]) == 1
    assert main(["view", str(tmp_path / "gone.tod"), "-o", str(out)]) == 1
    assert main(["view", str(GOLDEN / ARCHIVES[0]), "-o", str(tmp_path / "no" / "view.html")]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 3


def test_a_level_damaged_behind_the_lightmap_that_is_shown_is_refused(tmp_path: Path) -> None:
    data = bytearray((GOLDEN / "daybasis-level-1.1.tod").read_bytes())
    with open_archive(GOLDEN / "daybasis-level-1.1.tod", provider="cpu") as archive:
        section = archive.container.sections["1/0/coefficients"]
    data[section.offset + section.stored_bytes // 2] ^= 1
    (tmp_path / "damaged.tod").write_bytes(data)
    with pytest.raises(ArchiveError, match="1/0/coefficients"):
        build_page(tmp_path / "damaged.tod", "0")
