"""The synthetic level: its size, its content, and that it is read as the contest's data are."""

from __future__ import annotations

import hashlib
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from tests.scale import make_level as module
from tests.scale.make_level import KINDS, make_level, plans
from todpack.frames import open_contest


def test_the_whole_level_is_of_the_size_of_the_contests() -> None:
    level = plans()
    assert len(level) == 205
    assert sum(plan.height * plan.width for plan in level) == pytest.approx(20e6, rel=0.05)
    assert sum(plan.n_bytes for plan in level) == pytest.approx(6.4e9, rel=0.05)
    assert {(plan.height, plan.width) for plan in level[200:]} == {(1024, 1024), (2048, 4096)}
    assert {plan.kind for plan in level} == set(KINDS)


@pytest.mark.thorough
def test_a_part_of_it_is_written_and_read(tmp_path: Path) -> None:
    chosen = plans(90)
    assert [plan.number for plan in chosen] == [0, 90, 180]
    digests = []
    for name in ("one", "two"):
        n_texels = make_level(tmp_path / name, 90, lambda _line: None)
        assert n_texels == sum(plan.height * plan.width for plan in chosen)
        files = sorted((tmp_path / name).rglob("*.bin_*"))
        digests.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
    assert digests[0] == digests[1]
    dataset = open_contest(tmp_path / "one")
    for plan, entry in zip(chosen, dataset.entries, strict=True):
        day = dataset.read(entry)
        assert day.warnings == ()
        assert (day.height, day.width, day.n_frames) == (plan.height, plan.width, 26)
        assert 0.15 < day.valid.mean() < 0.75
        lit = day.radiance[:, day.valid].mean(axis=(1, 2))
        assert lit[list(day.hours).index(5.9)] == pytest.approx(lit[5], rel=0.2)  # lamps are on until 5.9
        assert (day.radiance[:, ~day.valid] == 0).all()
    kinds = [np.abs(np.diff(dataset.read(entry).radiance[12], axis=0)).mean() for entry in dataset.entries]
    assert min(kinds) > 0


def test_tall_ones_are_in_parts(tmp_path: Path) -> None:
    assert module.ROWS_OF_A_PART < 1024
    radiance, valid = module.read_sample()
    (tmp_path / "Data").mkdir()
    plan = module.Plan(7, 600, 32, "noisy", 0.5)
    item = module.write_lightmap(tmp_path, plan, radiance, valid)
    assert [name[-6:] for name in item["lightmaps"]["0"]] == [".bin_0", ".bin_1"]
    (tmp_path / "config.json").write_text(module.json.dumps({"lightmap_count": 1, "lightmap_list": [item]}))
    (entry,) = open_contest(tmp_path).entries
    assert open_contest(tmp_path).read(entry).height == 600


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")(1, 1, 10**6)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(SystemExit, match=r"expected 7\.\d GB of free disk, found 0\.0"):
        make_level(tmp_path / "level")
    assert list(tmp_path.iterdir()) == []
