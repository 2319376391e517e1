"""Archives whose graph is legal and not the standard one: one answer everywhere, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.decompressor.forge import put_together, take_apart
from todpack.cli import main
from todpack.decompressor import Archive, open_archive
from todpack.decompressor.bits import unzigzag, zigzag
from todpack.decompressor.errors import ArchiveError
from todpack.decompressor.verify import verify_archive
from todpack.frames import Day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day
from todpack.packer.errors import PackError
from todpack.submission.contest.write_lightmap import plain_bits_of

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
DECODERS = ("native", "onnx", "reference")
Change = Callable[[onnx.ModelProto], object]


def with_graph(source: str, out: Path, change: Change, kind: str = "frame") -> Path:
    """A golden archive, or another one, with another graph, signed again."""
    metadata, stored = take_apart((GOLDEN / f"{source}.tod").read_bytes())
    metadata.pop("sha256", None)
    metadata["requires"] = [name for name in metadata.get("requires") or [] if name != "digest"]
    with open_archive(GOLDEN / f"{source}.tod") as archive:
        name = metadata["lightmaps"][0]["model"]["graphs"][kind]
        model = onnx.load_from_string(archive.container.read_bytes(name))
    change(model)
    number = next(n for n, section in enumerate(metadata["sections"]) if section["name"] == name)
    stored[number] = model.SerializeToString()
    size = len(stored[number])
    metadata["sections"][number].update(codec="raw", decoded_bytes=size, shape=[size])
    out.write_bytes(put_together(metadata, stored))
    return out


def constant(name: str, value: float) -> Change:
    """Another value of a constant."""

    def change(model: onnx.ModelProto) -> None:
        tensor = next(one for one in model.graph.initializer if one.name == name)
        old = numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array(np.full(old.shape, value, old.dtype), name))

    return change


def decoy(name: str, value: np.ndarray) -> Change:
    """A constant under another name, and another one of its name that nothing takes."""

    def change(model: onnx.ModelProto) -> None:
        stored = next(one for one in model.graph.initializer if one.name == name)
        renamed = numpy_helper.from_array(numpy_helper.to_array(stored), "renamed")
        for node in model.graph.node:
            for n, taken in enumerate(node.input):
                node.input[n] = "renamed" if taken == name else taken
        stored.CopyFrom(numpy_helper.from_array(value, name))
        model.graph.initializer.append(renamed)

    return change


def sine(model: onnx.ModelProto) -> None:
    """Radiance that is no affine map of the latent maps."""
    place, gemm = next((n, node) for n, node in enumerate(model.graph.node) if node.op_type == "Gemm")
    wave = onnx.helper.make_node("Sin", ["straight"], [gemm.output[0]])
    gemm.output[0] = "straight"
    model.graph.node.insert(place + 1, wave)


def half(model: onnx.ModelProto) -> None:
    """Frames of half the brightness, of the same weights."""
    for node in model.graph.node:
        for n, name in enumerate(node.output):
            node.output[n] = "whole" if name == "rgb" else name
    model.graph.initializer.append(numpy_helper.from_array(np.float32(0.5), "half"))
    model.graph.node.append(onnx.helper.make_node("Mul", ["whole", "half"], ["rgb"]))


def night_shift(model: onnx.ModelProto) -> None:
    """Other frames between 3 and 4 h alone: 1e4 * relu(time - 3) * relu(4 - time) more."""
    for node in model.graph.node:
        for n, name in enumerate(node.output):
            node.output[n] = "whole" if name == "rgb" else name
    for name, value in (("three_h", 3.0), ("four_h", 4.0), ("strength", 1e4)):
        model.graph.initializer.append(numpy_helper.from_array(np.float32(value), name))
    for operator, inputs, output in (
        ("Sub", ["time_h", "three_h"], "since"),
        ("Sub", ["four_h", "time_h"], "until"),
        ("Relu", ["since"], "after"),
        ("Relu", ["until"], "before"),
        ("Mul", ["after", "before"], "between"),
        ("Mul", ["between", "strength"], "more"),
        ("Add", ["whole", "more"], "rgb"),
    ):
        model.graph.node.append(onnx.helper.make_node(operator, inputs, [output]))


def without_bounds(model: onnx.ModelProto, least: float = -np.inf) -> None:
    """A clip that lets everything pass before `rgb`."""
    half(model)
    for name, value in (("least", least), ("most", np.inf)):
        model.graph.initializer.append(numpy_helper.from_array(np.float32(value), name))
    model.graph.node[-1].CopyFrom(onnx.helper.make_node("Clip", ["whole", "least", "most"], ["rgb"]))


def frames(path: Path, decoder: str) -> list[np.ndarray]:
    """Two whole frames and the same put together of texels, as one answer must have them equal."""
    with open_archive(path, decoder=decoder, threads=1) as archive:
        found = [archive.decode(time_h, dtype="float32") for time_h in (0.5, 12.0)]
        rng = np.random.default_rng(0)
        for time_h, frame in zip((0.5, 12.0), found, strict=True):
            for y, x in zip(rng.integers(0, frame.shape[0], 40), rng.integers(0, frame.shape[1], 40), strict=True):
                np.testing.assert_array_equal(archive.texel(y, x, time_h, dtype="float32"), frame[y, x])
    return found


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_knee_that_is_no_number_is_refused_by_all(tmp_path: Path, value: float) -> None:
    path = with_graph("daybasis-log-1.1", tmp_path / "a.tod", constant("knee", value))
    assert not verify_archive(path).whole
    for decoder in DECODERS:
        with open_archive(path, decoder=decoder) as archive, pytest.raises(ArchiveError, match="what is no number"):
            archive.decode(3.0, dtype="float32")


@pytest.mark.parametrize("source", ["daybasis-gamma-1.1", "daybasis-linear-1.0", "daybasis-ans-1.2"])
@pytest.mark.parametrize("lower", [-1e38, 0.5])
def test_another_temporal_matrix_has_one_answer(tmp_path: Path, source: str, lower: float) -> None:
    """A(t) far beyond what the stored matrix reaches: sums are not exact, and are in the one order."""
    path = with_graph(source, tmp_path / "a.tod", constant("zero", lower))
    assert verify_archive(path).whole
    found = [frames(path, decoder) for decoder in DECODERS]
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("source", ["daybasis-gamma-1.1", "daybasis-linear-1.0", "daybasis-ans-1.2"])
def test_entries_that_float32_cannot_add_up_have_one_answer(tmp_path: Path, source: str) -> None:
    """Of the standard graph: b goes up by 2^30 steps in one gap of the day, and down again in the next."""
    metadata, stored = take_apart((GOLDEN / f"{source}.tod").read_bytes())
    metadata.pop("sha256", None)
    with open_archive(GOLDEN / f"{source}.tod") as archive:
        codes = unzigzag(archive.container.read_array("0/basis").astype(np.int64))
    codes[-1, 1, 9:11] += [2**30 - 200_000, 200_000 - 2**30]
    number = next(n for n, section in enumerate(metadata["sections"]) if section["name"] == "0/basis")
    stored[number] = zigzag(codes).astype("<i4").tobytes()
    metadata["sections"][number].update(codec="raw", dtype="i4", decoded_bytes=len(stored[number]))
    path = tmp_path / "a.tod"
    path.write_bytes(put_together(metadata, stored))
    assert verify_archive(path).whole
    found = []
    for decoder in DECODERS:
        with open_archive(path, decoder=decoder) as archive:
            found.append([archive.decode(time_h, dtype="float32") for time_h in archive.hours])
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


def _plain_bits(archive: Archive) -> bytes:
    return plain_bits_of(archive, 0)


@pytest.mark.parametrize("change", [constant("one", 0.5), constant("day", 12.0), sine], ids=["clip", "day", "sine"])
def test_what_stores_the_matrix_refuses_another_graph(
    tmp_path: Path, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    path = with_graph("daybasis-gamma-1.1", tmp_path / "a.tod", change)
    assert verify_archive(path).whole
    with open_archive(path) as archive, pytest.raises(PackError, match="expected the standard graph"):
        _plain_bits(archive)
    assert main(["export", str(path), "-o", str(tmp_path / "out"), "--profile", "load"]) == 1
    assert "expected the standard frame graph" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_knee_that_nothing_subtracts_is_not_taken_for_it(tmp_path: Path) -> None:
    changed = with_graph("daybasis-log-1.1", tmp_path / "a.tod", decoy("knee", np.array([5.0], np.float32)))
    with open_archive(changed) as archive, open_archive(GOLDEN / "daybasis-log-1.1.tod") as before:
        found, wanted = (one.decode(3.0, dtype="float32") for one in (archive, before))
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)  # exp is the runtime's
        with pytest.raises(PackError, match="expected the standard graph"):
            _plain_bits(archive)
        assert _plain_bits(before)


@pytest.mark.parametrize("knee", [-1.0, -1e-30, 1e31])
def test_a_knee_that_plain_bits_lack_is_refused(
    tmp_path: Path, knee: float, capsys: pytest.CaptureFixture[str]
) -> None:
    path = with_graph("daybasis-log-1.1", tmp_path / "a.tod", constant("knee", knee))
    assert verify_archive(path).whole
    assert main(["submit", "build", str(path), "--layout", "contest", "-o", str(tmp_path / "out")]) == 1
    assert "cannot be written as plain bits: " in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["a.tod"]


@pytest.mark.parametrize("hours", [[24 * n / 24.0001 for n in range(24)], [n + 0.99999 for n in range(24)]])
def test_times_that_plain_bits_lack_are_refused(tmp_path: Path, hours: list[float]) -> None:
    radiance = np.random.default_rng(0).random((24, 8, 8, 3), np.float32)
    day = Day(radiance, np.ones((8, 8), bool), np.array(hours), "linear", "day")
    path = tmp_path / "a.tod"
    path.write_bytes(encode_day(day, DayBasisConfig(), DayBasisPackOptions()).writer.to_bytes())
    with open_archive(path) as archive, pytest.raises(PackError, match="expected times in hundredths of an hour"):
        _plain_bits(archive)


@pytest.mark.parametrize("change", [half, night_shift])
@pytest.mark.parametrize("source", ["gridmlp-1.1", "siren-weights-1.1"])
def test_parts_are_of_the_graph_that_makes_the_frames(
    tmp_path: Path, source: str, change: Change, capsys: pytest.CaptureFixture[str]
) -> None:
    path = with_graph(source, tmp_path / "a.tod", change)
    assert verify_archive(path).whole
    assert main(["export", str(path), "-o", str(tmp_path / "parts"), "--profile", "parts"]) == 1
    assert "expected the graph of an MLP, found another with its weights" in capsys.readouterr().err
    assert not (tmp_path / "parts").exists()
    whole = GOLDEN / f"{source}.tod"
    assert main(["export", str(whole), "-o", str(tmp_path / "parts"), "--profile", "parts"]) == 0


@pytest.mark.parametrize(
    ("name", "value"), [("bias_0", np.zeros(8)), ("weight_1_fp16", np.zeros(())), ("weight_1_fp16", np.zeros((5, 5)))]
)
def test_parts_whose_weights_are_others(
    tmp_path: Path, name: str, value: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    path = with_graph("siren-weights-1.1", tmp_path / "a.tod", decoy(name, value.astype(np.float32)))
    assert verify_archive(path).whole
    assert main(["export", str(path), "-o", str(tmp_path / "parts"), "--profile", "parts"]) == 1
    assert ": 0/frame.onnx: expected the graph of an MLP" in capsys.readouterr().err
    assert not (tmp_path / "parts").exists()


@pytest.mark.parametrize("source", ["gridmlp-1.1", "siren-weights-1.1"])
def test_a_page_shows_a_graph_with_infinite_bounds(tmp_path: Path, source: str) -> None:
    path = with_graph(source, tmp_path / "a.tod", without_bounds)
    assert verify_archive(path).whole
    assert main(["view", str(path), "-o", str(tmp_path / "a.html")]) == 0
    path = with_graph(source, tmp_path / "b.tod", partial(without_bounds, least=np.inf))
    main(["view", str(path), "-o", str(tmp_path / "b.html")])  # no traceback, whatever is made of infinite light


def twice_clipped(model: onnx.ModelProto) -> None:
    """One node more, so that it is not the standard graph."""
    for node in model.graph.node:
        node.output[:] = ["once" if name == "rgb" else name for name in node.output]
    model.graph.node.append(onnx.helper.make_node("Relu", ["once"], ["rgb"]))


def test_a_page_of_maps_says_that_it_lacks_outliers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = with_graph("daybasis-outliers-1.3", tmp_path / "a.tod", twice_clipped)
    with open_archive(path) as archive:
        n_outliers = archive.lightmaps[0].n_outliers
    assert main(["view", str(path), "-o", str(tmp_path / "a.html")]) == 0
    assert n_outliers > 0
    assert f" latent maps as float32, without {n_outliers} outlier" in capsys.readouterr().out


def with_broken_stream(out: Path) -> Path:
    """A level whose second lightmap has a coefficient stream that is none, with checksums that match."""
    metadata, stored = take_apart((GOLDEN / "daybasis-level-1.1.tod").read_bytes())
    metadata.pop("sha256", None)
    name = next(s["name"] for s in metadata["sections"] if s["name"].startswith("1/") and "coefficients" in s["name"])
    number = next(n for n, section in enumerate(metadata["sections"]) if section["name"] == name)
    stored[number] = bytes([4]) + stored[number][1:]
    out.write_bytes(put_together(metadata, stored))
    return out


@pytest.mark.parametrize(
    "command", [["view", "{}", "-o", "page.html"], ["submit", "build", "{}", "-o", "sub"],
                ["submit", "build", "{}", "-o", "sub", "--layout", "contest"]],
    ids=["view", "bundle", "contest"],
)  # fmt: skip
def test_what_does_not_decode_is_not_passed_on(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = with_broken_stream(tmp_path / "a.tod")
    assert not verify_archive(path).whole
    assert main([word.format(path) for word in command]) == 1
    assert "section 1/0/coefficients: " in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["a.tod"]


def rename_z(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        for names in (node.input, node.output):
            for n, name in enumerate(names):
                names[n] = "narrow" if name == "z" else name
    for name, value in (("middle", 127.0), ("step", 2.5e36)):
        model.graph.initializer.append(numpy_helper.from_array(np.float32(value), name))


def widens(model: onnx.ModelProto) -> None:
    """A graph `latents` whose maps are finite, and their range beyond float32."""
    rename_z(model)
    model.graph.node.append(onnx.helper.make_node("Sub", ["narrow", "middle"], ["around"]))
    model.graph.node.append(onnx.helper.make_node("Mul", ["around", "step"], ["z"]))


def narrows(model: onnx.ModelProto) -> None:
    """The graph `frame` for these."""
    rename_z(model)
    model.graph.node.insert(0, onnx.helper.make_node("Add", ["around", "middle"], ["narrow"]))
    model.graph.node.insert(0, onnx.helper.make_node("Div", ["z", "step"], ["around"]))


def test_absurd_maps_give_no_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_graph("siren-weights-1.1", tmp_path / "b.tod", widens, "latents")
    path = with_graph(str(tmp_path / "b"), tmp_path / "a.tod", narrows)
    assert verify_archive(path).whole
    assert main(["view", str(path), "-o", str(tmp_path / "a.html")]) == 0
    assert main(["export", str(path), "-o", str(tmp_path / "parts"), "--profile", "parts"]) == 1
    assert ": 0/latents.onnx: expected the baseline as its last three maps, found others" in capsys.readouterr().err


def late(model: onnx.ModelProto) -> None:
    """Frames that are infinite from the afternoon on."""
    half(model)
    for name, value in (("noon", 12.0), ("much", 40.0)):
        model.graph.initializer.append(numpy_helper.from_array(np.array([value], np.float32), name))
    node = onnx.helper.make_node
    model.graph.node.pop()
    model.graph.node.extend([
        node("Sub", ["time_h", "noon"], ["since"]), node("Mul", ["since", "much"], ["times"]),
        node("Exp", ["times"], ["grown"]), node("Add", ["whole", "grown"], ["rgb"]),
    ])  # fmt: skip


@pytest.mark.parametrize("command", [["view", "{}", "-o", "page.html"], ["submit", "build", "{}", "-o", "sub"]])
def test_what_gives_no_numbers_is_not_passed_on(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = with_graph("siren-weights-1.1", tmp_path / "a.tod", late)
    assert main([word.format(path) for word in command]) == 1
    assert "section 0/frame.onnx: it gives what is no number, at 15 h" in capsys.readouterr().err
    assert [one.name for one in tmp_path.iterdir()] == ["a.tod"]


def test_a_digest_that_differs_is_refused_where_files_are_passed_on(tmp_path: Path) -> None:
    metadata, stored = take_apart((GOLDEN / "daybasis-ans-1.2.tod").read_bytes())
    path = tmp_path / "a.tod"
    path.write_bytes(put_together({**metadata, "sha256": "0" * 64}, stored))
    with open_archive(path) as archive, pytest.raises(ArchiveError, match="expected SHA-256 0000"):
        archive.container.verify()


@pytest.mark.parametrize("source", ["siren-weights-1.1", "gridmlp-1.1", "daybasis-log-1.1"])
def test_verify_hands_nothing_to_onnxruntime_that_was_not_checked(tmp_path: Path, source: str) -> None:
    def unknown(model: onnx.ModelProto) -> None:
        model.graph.node[0].op_type = "Unheard"

    verdict = verify_archive(with_graph(source, tmp_path / "a.tod", unknown))
    assert "Unheard" in verdict.faults[0].message and "onnxruntime" not in verdict.faults[0].message


@pytest.mark.parametrize("value", [None, 5, [1], "0/none"])
def test_verify_leaves_graphs_alone_that_nobody_knows(tmp_path: Path, value: object) -> None:
    metadata, stored = take_apart((GOLDEN / "daybasis-log-1.1.tod").read_bytes())
    metadata["lightmaps"][0]["model"]["graphs"]["later"] = value
    metadata.pop("sha256", None)
    (tmp_path / "a.tod").write_bytes(put_together(metadata, stored))
    assert verify_archive(tmp_path / "a.tod").whole
