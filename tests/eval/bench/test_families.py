"""The bench of all families: real trainings of a few steps, through the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import SAMPLE, make_day, write_day
from tests.eval.bench.test_bench import made_up
from todpack.cli import main
from todpack.eval.bench.families import FAMILIES, bench_families, daybasis_row, families_table
from todpack.eval.errors import EvalError
from todpack.eval.measures.rate_curve import RatePoint
from todpack.eval.peers.ours import REFINED
from todpack.eval.peers.run import PeerResults
from todpack.eval.trials import Options

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
    every = ("daybasis", *FAMILIES)
    rows = bench_families(day_of(tmp_path), families=every, opens=1, train_options=dict.fromkeys(FAMILIES, SHORT))
    assert tuple(row["family"] for row in rows) == every
    assert rows[0]["psnr_db"] > 30.0  # daybasis has no epochs to be short of


def test_the_row_of_daybasis_is_the_refined_archive_of_the_bench() -> None:
    bench = made_up()
    points = (
        *bench.results.points,
        RatePoint(REFINED, "q_step 8", 9999, 47.0),
        RatePoint(REFINED, "q_step 16", 4321, 43.5),
    )
    (row,) = daybasis_row(replace(bench, results=PeerResults(points, {})))
    figures = {"archive_bytes": 4321, "psnr_db": 43.5, "open_ms": 50.0, "frame_ms": 0.99, "train_s": 12.0}
    assert row == {"family": "daybasis", **figures}
    assert daybasis_row(replace(bench, refined_latency=None)) == []


def test_a_failing_command_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        EvalError, match=r"^gridmlp: todpack train: --epochs: expected an integer in 1\.\.10+, found 0$"
    ):
        bench_families(day_of(tmp_path), families=("gridmlp",), train_options={"gridmlp": {"epochs": 0}})


SIREN = {"archive_bytes": 81734, "psnr_db": 28.2612, "open_ms": 412.3, "frame_ms": 5.55, "train_s": 91.4}


def test_table_has_a_line_per_family() -> None:
    table = families_table([{"family": "siren", **SIREN}, {"family": "gridmlp", **SIREN}], "day")
    assert table.caption == "Families at their defaults: day"
    assert table.rows[0] == ("siren", "81734", "28.26", "412", "5.5", "91")
    assert table.rows[1][0] == "gridmlp"


def test_bench_has_the_families_where_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command's own part; what it calls is measured by the tests above and in test_bench.py."""
    day, rows = day_of(tmp_path), [{"family": "siren", **SIREN}]
    calls: list[Path] = []
    monkeypatch.setattr("todpack.eval.bench.dataset.bench_dataset", lambda *_: made_up())
    monkeypatch.setattr("todpack.eval.bench.families.bench_families", lambda path, **_: (calls.append(path), rows)[1])
    command = ["eval", "bench", "--json-out", str(tmp_path / "bench.json")]
    for arguments in ([str(day)], [str(day), "--no-families"], ["--quick"]):
        assert main([*command, *arguments]) == 0
        assert "families" not in json.loads((tmp_path / "bench.json").read_text())
    assert calls == []
    capsys.readouterr()
    assert main([*command, str(day), "--families"]) == 0
    assert calls == [day]
    report = json.loads((tmp_path / "bench.json").read_text())
    assert report["families"][0]["train_s"] == 91.4
    assert report["datasets"]
    assert "Families at their defaults" in capsys.readouterr().out
    assert main(command) == 0  # no DATA: the sample
    assert calls[1].resolve() == SAMPLE
