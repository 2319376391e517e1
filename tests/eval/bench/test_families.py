"""The bench of all families: real trainings of a few steps, through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import make_day, write_day
from todpack.eval.bench.families import FAMILIES, bench_families
from todpack.eval.bench.report import families_table
from todpack.eval.errors import EvalError
from todpack.eval.trial import Options

pytest.importorskip("torch")

SHORT: Options = {"epochs": 1, "samples-per-epoch": 512, "batch-size": 256, "device": "cpu", "threads": 1}


def day_of(folder: Path, size: int = 16) -> Path:
    frames, valid = make_day(size, size, 4)
    return write_day(folder / "day", frames, valid)


@pytest.mark.thorough
def test_siren_is_trained_packed_and_measured(tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    (row,) = bench_families(
        day_of(tmp_path),
        families=("siren",),
        opens=1,
        train_options={"siren": SHORT},
        progress=lambda *step: steps.append(step),
    )
    assert steps == [(0, 1, "train siren")]
    assert row["family"] == "siren"
    assert row["archive_bytes"] > 500
    assert 5.0 < row["psnr_db"] < 40.0
    assert min(row["open_ms"], row["frame_ms"], row["train_s"]) > 0.0


@pytest.mark.slow
def test_every_family_is_trained_packed_and_measured(tmp_path: Path) -> None:
    trained = ("gridmlp", "siren")
    rows = bench_families(day_of(tmp_path), opens=1, train_options=dict.fromkeys(trained, SHORT))
    assert tuple(row["family"] for row in rows) == FAMILIES == ("daybasis", *trained)
    assert rows[0]["psnr_db"] > 30.0  # daybasis has no epochs to be short of


def test_a_failing_command_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        EvalError, match=r"^gridmlp: todpack train: --epochs: expected an integer in 1\.\.10+, found 0$"
    ):
        bench_families(day_of(tmp_path), families=("gridmlp",), train_options={"gridmlp": {"epochs": 0}})


SIREN = {"archive_bytes": 81734, "psnr_db": 28.2612, "open_ms": 412.3, "frame_ms": 5.55, "train_s": 91.4}


def test_table_has_a_line_per_family() -> None:
    table = families_table("day", [{"family": "siren", **SIREN}, {"family": "gridmlp", **SIREN}])
    assert table.caption == "Families at their defaults: day"
    assert table.rows[0] == ("siren", "81734", "28.26", "412", "5.5", "91")
    assert table.rows[1][0] == "gridmlp"
