"""The model's file: round trip, nodes one by one, and every way of being damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.trainer.nerfs.micro_nerf import MICRO, micro_scene, trained  # noqa: E402
from todpack.trainer.errors import TrainingError  # noqa: E402
from todpack.trainer.nerfs.inf_nerf import InfNeRFRenderer, InfNeRFRendererConfig  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.lazy_fields import LazyFields  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.model_file import MAGIC, ModelFile, write_model  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.node_fields import NodeFields  # noqa: E402

SIZE = InfNeRFRendererConfig(24, 24)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the trained micro model."""
    path = tmp_path_factory.mktemp("model") / "model.infnerf"
    model = trained()
    assert isinstance(model.fields, NodeFields)
    write_model(path, model.config, model.octree, model.fields.records(), micro_scene().summary())
    return path


def test_round_trip_is_exact(written: Path) -> None:
    model, file = trained(), ModelFile(written)
    assert file.config == MICRO
    assert np.array_equal(file.octree.cell, model.octree.cell)
    assert torch.equal(file.records(), model.fields.records())
    assert file.cameras == json.loads(json.dumps(micro_scene().summary()))
    file.close()


def test_same_model_same_bytes(written: Path, tmp_path: Path) -> None:
    model = trained()
    write_model(tmp_path / "again", model.config, model.octree, model.fields.records(), micro_scene().summary())
    assert (tmp_path / "again").read_bytes() == written.read_bytes()


@pytest.mark.parametrize("records_in_memory", [0, 1, 3])
def test_nodes_read_when_asked_for_give_the_same_image(written: Path, records_in_memory: int) -> None:
    """Whole in memory, against a file with room for some records only."""
    scene, bound = micro_scene(), 0
    if records_in_memory:
        bound = records_in_memory * ModelFile(written).record_bytes
    lazy = InfNeRFRenderer.from_checkpoint(written, InfNeRFRendererConfig(24, 24, max_resident_bytes=bound))
    whole = InfNeRFRenderer(trained(), SIZE)
    for pose in scene.poses[:2]:
        expected = whole.render_image(pose, scene.intrinsics[0])["rgb"]
        assert np.allclose(lazy.render_image(pose, scene.intrinsics[0])["rgb"], expected, atol=2e-6)
    fields = lazy.model.fields
    assert isinstance(fields, LazyFields)
    assert 0 < fields.peak_bytes <= (bound or written.stat().st_size)
    if records_in_memory:
        assert fields.n_reads > lazy.touched.fields  # some went, and came back
    else:
        assert fields.peak_bytes <= lazy.touched.total * lazy.touched.field_bytes


def test_a_far_view_reads_few_nodes_and_lets_the_others_go(written: Path) -> None:
    scene = micro_scene()
    lazy = InfNeRFRenderer.from_checkpoint(written.parent, SIZE)
    fields = lazy.model.fields
    assert isinstance(fields, LazyFields)
    lazy.render_image(scene.poses[0], scene.intrinsics[0])
    near_bytes = fields.resident_bytes
    far = scene.poses[0].copy()
    far[:3, 3] *= 30.0
    n_reads = fields.n_reads
    lazy.render_image(far, scene.intrinsics[0])
    assert lazy.touched.fields == 2  # the root and its background
    assert fields.resident_bytes == 2 * fields.file.record_bytes < near_bytes
    assert fields.n_reads <= n_reads + 2


def damaged(path: Path, to: Path, change: str) -> Path:
    content = bytearray(path.read_bytes())
    n_header = int.from_bytes(content[8:16], "little")
    if change == "magic":
        content[0] ^= 1
    elif change == "short":
        del content[-1]
    elif change == "long":
        content += b"x"
    elif change == "tiny":
        del content[12:]
    elif change == "huge header":
        content[8:16] = (1 << 40).to_bytes(8, "little")
    elif change == "json":
        content[16] = ord("?")
    elif change == "record":
        content[-1] ^= 1
    elif change == "node":
        content[16 + n_header + 4] ^= 64
    else:
        header = json.loads(content[16 : 16 + n_header])
        header["config"][change] = {"max_depth": 99, "hidden_dim": 9}.get(change, "?")
        text = json.dumps(header).encode()
        content[8 : 16 + n_header] = len(text).to_bytes(8, "little") + text
    to.write_bytes(content)
    return to


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("magic", "another kind of file"),
        ("short", "expected .* bytes, found"),
        ("long", "expected .* bytes, found"),
        ("tiny", "ends within its header length"),
        ("huge header", "expected a header of at most"),
        ("json", "damaged header"),
        ("node", "octree|order"),
        ("max_depth", "--max-depth: expected an integer"),
        ("hidden_dim", "parameters a node"),
        ("nonsense", "unknown key 'nonsense'"),
    ],
)
def test_damage_is_told_at_opening(written: Path, tmp_path: Path, change: str, words: str) -> None:
    with pytest.raises(TrainingError, match=words):
        ModelFile(damaged(written, tmp_path / "bad", change))


@pytest.mark.parametrize(
    ("field", "value"),
    [("width", "a"), ("height", 0), ("radius", float("nan")), ("up", [0, 0, 0]), ("target", 1), ("focal_length", -1)],
)
def test_damaged_cameras_are_told_at_opening(written: Path, tmp_path: Path, field: str, value: object) -> None:
    content = written.read_bytes()
    n_header = int.from_bytes(content[8:16], "little")
    header = json.loads(content[16 : 16 + n_header])
    header["cameras"] = micro_scene().summary() | {field: value}
    text = json.dumps(header).encode()
    (tmp_path / "bad").write_bytes(content[:8] + len(text).to_bytes(8, "little") + text + content[16 + n_header :])
    with pytest.raises(TrainingError, match="damaged header"):
        ModelFile(tmp_path / "bad")


def test_a_damaged_record_is_told_when_it_is_read(written: Path, tmp_path: Path) -> None:
    file = ModelFile(damaged(written, tmp_path / "bad", "record"))
    file.record(0)
    with pytest.raises(TrainingError, match=r"is damaged \(checksum\)"):
        file.record(len(file.octree))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="found nothing there"):
        ModelFile(tmp_path / "gone")
    (tmp_path / "empty").touch()
    with pytest.raises(TrainingError, match="ends within its magic"):
        ModelFile(tmp_path / "empty")
    assert len(MAGIC) == 8
