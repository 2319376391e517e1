"""A run that was interrupted goes on bit for bit, or says why it cannot."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import make_day, write_day
from tests.trainer.small_run import SMALL, rows_of, train
from todpack.cli import main
from todpack.frames import Day, read_day
from todpack.trainer.errors import TrainingError

torch = pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.thorough
def test_killed_run_resumes_bit_for_bit(day: Path, tmp_path: Path) -> None:
    """kill -9 in the middle, `--resume`: the same arrays as without the interruption."""
    options = [
        "--family", "gridmlp", "--grid-levels", "4,8", "--channels-per-level", "2", "--hidden", "8", "--layers", "1",
        "--epochs", "60", "--samples-per-epoch", "8192", "--batch-size", "512", "--lr", "0.005", "--threads", "1",
        "--device", "cpu", "--quiet",
    ]  # fmt: skip
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-m", "todpack", "train", str(day), "-o", str(killed), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (killed / "log.csv").is_file() or len((killed / "log.csv").read_text().splitlines()) < 4:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    n_before = len(rows_of(killed))
    assert 3 <= n_before < 60
    assert not (killed / "config.json").exists()
    assert main(["train", str(day), "-o", str(killed), *options, "--resume"]) == 0
    assert main(["train", str(day), "-o", str(whole), *options]) == 0
    assert (killed / "arrays.npz").read_bytes() == (whole / "arrays.npz").read_bytes()
    assert (killed / "baseline.png").read_bytes() == (whole / "baseline.png").read_bytes()
    without_seconds = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in rows_of(run)] for run in (killed, whole)
    ]
    assert without_seconds[0] == without_seconds[1]
    assert len(without_seconds[0]) == 60


def test_resumed_log_has_no_epoch_twice(sequence: Day, tmp_path: Path) -> None:
    """A line that was written after the last checkpoint, and one cut in the middle, are both dropped."""
    run = train(sequence, tmp_path / "run")
    with (run / "log.csv").open("a") as file:
        file.write("6,0.5,3.0,0.1,0.1,9.0\n7,0.4")
    longer = train(sequence, run, resume=True)
    assert [int(row["epoch"]) for row in rows_of(longer)] == list(range(6))


def test_resume_without_a_checkpoint_starts_afresh(sequence: Day, tmp_path: Path) -> None:
    first = train(sequence, tmp_path / "a", resume=True)
    second = train(sequence, tmp_path / "b")
    assert (first / "arrays.npz").read_bytes() == (second / "arrays.npz").read_bytes()


def test_resume_with_other_options_or_data_is_refused(sequence: Day, tmp_path: Path) -> None:
    run = train(sequence, tmp_path / "run")
    with pytest.raises(TrainingError, match=r"last\.ckpt: was trained with other options or data \(different: lr\)"):
        train(sequence, run, replace(SMALL, lr=0.006), resume=True)
    frames, valid = make_day(20, 24, 4, seed=1)
    other = read_day(write_day(tmp_path / "other", frames, valid))
    with pytest.raises(TrainingError, match=r"different: code_sum, frames\)"):
        train(other, run, resume=True)
    swapped = replace(sequence, radiance=sequence.radiance[[0, 2, 1, 3]])
    with pytest.raises(TrainingError, match=r"different: frames\)"):
        train(swapped, run, resume=True)


def test_damaged_checkpoint(sequence: Day, tmp_path: Path) -> None:
    run = train(sequence, tmp_path / "run")
    for content in (b"", b"not a checkpoint", (run / "last.ckpt").read_bytes()[:500]):
        (run / "last.ckpt").write_bytes(content)
        with pytest.raises(TrainingError, match=r"last\.ckpt: not a readable checkpoint") as caught:
            train(sequence, run, resume=True)
        assert "\n" not in str(caught.value)


def test_a_tensor_where_a_number_is_expected(tmp_path: Path) -> None:
    import torch

    from todpack.trainer.checkpoint import check_identity, load_checkpoint

    several = torch.ones(3)
    with pytest.raises(TrainingError, match=r"different: lr\)"):
        check_identity(tmp_path, {"identity": {"lr": several, "epochs": 2}}, {"lr": 0.1, "epochs": 2})
    with pytest.raises(TrainingError, match=r"different: all\)"):
        check_identity(tmp_path, {"identity": {"lr": 0.1, "more": 1}}, {"lr": 0.1})
    torch.save({"checkpoint_format": several}, tmp_path / "a.ckpt")
    with pytest.raises(TrainingError, match="expected a checkpoint of format 1, found something else"):
        load_checkpoint(tmp_path / "a.ckpt")


@pytest.mark.parametrize(
    ("name", "value"),
    [("epoch", "x"), ("epoch", math.nan), ("epoch", 10**12), ("best_loss", None), ("patience_loss", [1.0]),
     ("divergences", {}), ("divergences", -1), ("seconds", math.inf), ("qat_start", 0.5)],
)  # fmt: skip
def test_a_state_that_is_none_is_refused(sequence: Day, tmp_path: Path, name: str, value: object) -> None:
    from todpack.trainer.gridmlp.fit import GridMlpFit

    fit = GridMlpFit(sequence, SMALL, tmp_path, torch.device("cpu"), False)
    saved = fit.checkpoint()
    fit.restore(saved)
    with pytest.raises(ValueError, match=f"state: {name}: expected a number"):
        fit.restore({**saved, "state": {**saved["state"], name: value}})


@pytest.mark.parametrize(("name", "value"), [("exp_avg", "x"), ("exp_avg_sq", "tensor"), ("step", "tensor")])
def test_moments_of_other_shapes_are_refused(sequence: Day, tmp_path: Path, name: str, value: str) -> None:
    from todpack.trainer.gridmlp.fit import GridMlpFit

    fit = GridMlpFit(sequence, SMALL, tmp_path, torch.device("cpu"), False)
    fit.train_epoch(0)
    saved = fit.checkpoint()
    fit.restore(saved)
    wrong = torch.ones(2) if value == "tensor" else value
    saved["optimizer"]["state"][0] = {**saved["optimizer"]["state"][0], name: wrong}
    with pytest.raises((ValueError, TypeError)):
        fit.restore(saved)
    with pytest.raises(ValueError, match="affines: 99: expected scales and zero points of a level"):
        fit.model.stored_affines({"affines": {"99": torch.ones(2, 2)}}, torch.device("cpu"))


@pytest.mark.parametrize("line", [b"\xff\xfe", b"9" * 5000, "\u00b2,1".encode(), b"\0,1", b'"' + b"x" * 200_000])
def test_what_somebody_wrote_into_the_log_is_dropped(tmp_path: Path, line: bytes) -> None:
    from todpack.trainer.progress import EpochLog

    path = tmp_path / "log.csv"
    path.write_bytes(b"epoch,loss\n0,0.5\n" + line + b"\n1,0.25\n2,0.1\n")
    EpochLog(path, 2)
    assert path.read_text().splitlines()[1:] == ["0,0.5", "1,0.25"]
