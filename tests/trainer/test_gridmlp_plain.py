"""With every switch off a run is what it was before there were switches: its batches, weights, files and checkpoints.

`plain_run_1_0/` was written by the version before them, on `make_day(12, 16, 4)`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_day, write_day
from todpack.decompressor import open_archive
from todpack.decompressor.container import MAJOR
from todpack.frames import Day, read_day
from todpack.packer.archive_writer import OLDEST_MINOR
from todpack.packer.configuration import from_json
from todpack.packer.gridmlp.config import GridMlpConfig
from todpack.packer.gridmlp.pack import pack_run

torch = pytest.importorskip("torch")

from todpack.trainer.gridmlp.train import train_gridmlp  # noqa: E402

BEFORE = Path(__file__).parent / "plain_run_1_0"


@pytest.fixture
def day(tmp_path: Path) -> Day:
    frames, valid = make_day(12, 16, 4)
    return read_day(write_day(tmp_path / "day", frames, valid))


def arrays_of(run: Path) -> dict[str, np.ndarray]:
    with np.load(run / "arrays.npz", allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def test_trains_to_the_same_weights(day: Day, tmp_path: Path) -> None:
    """Another machine may round otherwise; a draw, a step or a loss that is not the old one is off by far more."""
    fields = json.loads((BEFORE / "config.json").read_text())
    train_gridmlp(day, from_json(GridMlpConfig, fields["config"]), tmp_path / "run", device="cpu", quiet=True)
    before, now = arrays_of(BEFORE), arrays_of(tmp_path / "run")
    assert list(now) == list(before)
    for name, array in before.items():
        np.testing.assert_allclose(now[name], array, rtol=1e-3, atol=1e-5)
    written = json.loads((tmp_path / "run" / "config.json").read_text())
    assert written["config"] == fields["config"]
    assert written["figures"].keys() == fields["figures"].keys()
    assert (tmp_path / "run" / "log.csv").read_text().splitlines()[0] == (BEFORE / "log.csv").read_text().splitlines()[
        0
    ]


def test_old_checkpoint_is_resumed(day: Day, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(BEFORE, run)
    config = from_json(GridMlpConfig, json.loads((BEFORE / "config.json").read_text())["config"])
    train_gridmlp(day, config, run, device="cpu", quiet=True, resume=True)
    for name, array in arrays_of(BEFORE).items():
        np.testing.assert_array_equal(arrays_of(run)[name], array)


def test_old_run_packs_and_starts_a_new_one(day: Day, tmp_path: Path) -> None:
    pack_run(BEFORE, tmp_path / "a.tod")
    with open_archive(tmp_path / "a.tod", provider="cpu") as archive:
        assert archive.container.version == (MAJOR, OLDEST_MINOR)
        assert archive.decode(6.0).shape == (12, 16, 3)
    fields = json.loads((BEFORE / "config.json").read_text())
    config = from_json(GridMlpConfig, {**fields["config"], "qat": True, "qat_epochs": 1})
    record = train_gridmlp(day, config, tmp_path / "b", device="cpu", quiet=True, init_from=BEFORE)
    assert record.figures["epochs"] == 1
    moved = arrays_of(tmp_path / "b")["grid_1"] - arrays_of(BEFORE)["grid_1"]
    assert 0.0 < np.abs(moved).max() < 0.1
