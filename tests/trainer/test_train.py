"""Training: it learns, stops, recovers, and says what it will not do."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.trainer.small_run import SMALL, rows_of, train
from todpack.decompressor import OutputError
from todpack.frames import Day
from todpack.packer.errors import ConfigError
from todpack.trainer.errors import TrainingError

torch = pytest.importorskip("torch")

from todpack.trainer.gridmlp.fit import GridMlpFit  # noqa: E402
from todpack.trainer.gridmlp.model import GridMlp  # noqa: E402
from todpack.trainer.neural.fit import MAX_DIVERGENCES, Loss  # noqa: E402


def test_loss_falls_and_the_run_folder_is_complete(sequence: Day, tmp_path: Path) -> None:
    config = replace(SMALL, epochs=20)
    run = train(sequence, tmp_path / "run", config)
    rows = rows_of(run)
    losses = [float(row["loss"]) for row in rows]
    assert [int(row["epoch"]) for row in rows] == list(range(20))
    assert losses[-1] < 0.5 * losses[0]
    for row in rows:
        assert float(row["psnr_estimate_db"]) == pytest.approx(-10 * math.log10(float(row["loss"])), abs=1e-3)
    # one cosine down to a hundredth
    assert float(rows[0]["lr"]) > 0.9 * SMALL.lr
    assert float(rows[-1]["lr"]) < 0.03 * SMALL.lr
    assert float(rows[5]["grid_lr"]) == pytest.approx(4 * float(rows[5]["lr"]), rel=1e-4)
    assert sorted(p.name for p in run.iterdir()) == [
        "arrays.npz", "baseline.png", "best.ckpt", "config.json", "last.ckpt", "log.csv",
    ]  # fmt: skip
    np.testing.assert_array_equal(np.asarray(Image.open(run / "baseline.png")), sequence.radiance[2])
    fields = json.loads((run / "config.json").read_text())
    assert fields["config"] == config.to_json()
    with np.load(run / "arrays.npz") as arrays:
        np.testing.assert_array_equal(arrays["valid"], sequence.valid)
        assert fields["figures"]["parameters"] == sum(
            arrays[n].size for n in arrays.files if n.startswith(("grid_", "mlp_"))
        )


def test_seed_matters(sequence: Day, tmp_path: Path) -> None:
    first = train(sequence, tmp_path / "a")
    other = train(sequence, tmp_path / "b", replace(SMALL, seed=1))
    assert (first / "arrays.npz").read_bytes() != (other / "arrays.npz").read_bytes()


def test_existing_run_needs_a_word(sequence: Day, tmp_path: Path) -> None:
    run = train(sequence, tmp_path / "run")
    before = (run / "arrays.npz").read_bytes()
    with pytest.raises(ConfigError, match="already holds a run; continue it by --resume, or replace it by --overwrite"):
        train(sequence, run)
    assert (run / "arrays.npz").read_bytes() == before
    train(sequence, run, replace(SMALL, seed=1), overwrite=True)
    assert (run / "arrays.npz").read_bytes() != before


def test_out_dir_that_cannot_be(sequence: Day, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="file: expected a folder, found a file"):
        train(sequence, tmp_path / "file")


def test_linear_signal_is_refused(sequence: Day, tmp_path: Path) -> None:
    linear = Day(sequence.radiance, sequence.valid, sequence.hours, "linear", "day")
    with pytest.raises(ConfigError, match="expected 8-bit sRGB frames, found transfer 'linear'"):
        train(linear, tmp_path / "run")


def test_one_divergence_recovers(
    sequence: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    forward, calls = GridMlp.forward, []

    def once_not_finite(self: GridMlp, *args: object) -> object:
        calls.append(1)
        out = forward(self, *args)
        return out * float("nan") if len(calls) == 20 else out  # in the third epoch of 8 steps

    monkeypatch.setattr(GridMlp, "forward", once_not_finite)
    run = train(sequence, tmp_path / "run")
    rows = rows_of(run)
    assert "epoch 3: the loss is not finite" in caplog.text
    assert [int(row["epoch"]) for row in rows] == list(range(6))
    assert all(math.isfinite(float(row["loss"])) for row in rows)
    assert float(rows[2]["lr"]) < 0.6 * float(rows[1]["lr"])  # half the learning rate from there on
    with np.load(run / "arrays.npz") as arrays:
        assert all(np.isfinite(arrays[name]).all() for name in arrays.files)


def test_too_many_divergences_stop(sequence: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def never_finite(self: GridMlpFit, epoch: int) -> Loss:
        attempts.append(epoch)
        return Loss(math.nan, math.nan)

    monkeypatch.setattr(GridMlpFit, "train_epoch", never_finite)
    with pytest.raises(TrainingError, match="epoch 1: the loss is not finite after 3 restarts; lower --lr"):
        train(sequence, tmp_path / "run")
    assert attempts == [0] * (MAX_DIVERGENCES + 1)
    assert not (tmp_path / "run" / "config.json").exists()


def test_early_stop(sequence: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses 3, 2, then never better: with a patience of 4 epochs it ends after 6 and keeps the second's weights."""
    losses = iter([Loss(mean, mean) for mean in (3.0, 2.0, *[2.5] * 100)])
    monkeypatch.setattr(GridMlpFit, "train_epoch", lambda self, epoch: next(losses))
    config = replace(SMALL, epochs=50, patience=4)
    run = train(sequence, tmp_path / "run", config)
    figures = json.loads((run / "config.json").read_text())["figures"]
    assert (figures["epochs"], figures["best_epoch"]) == (6, 2)
