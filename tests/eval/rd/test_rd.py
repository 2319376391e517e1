"""Sweeps through the real commands on a tiny day; averages against known values; the plots."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from todpack import compress
from todpack.cli import main
from todpack.eval.deviation import with_deviation
from todpack.eval.errors import EvalError
from todpack.eval.measures.perceptual import LpipsAbsent
from todpack.eval.rd import sweep
from todpack.eval.rd.command import _named_paths
from todpack.eval.rd.plots import write_plots
from todpack.eval.rd.results_file import read_results, results_json
from todpack.eval.rd.sweep import Sweep, archive_curves, averaged, chosen_sweeps, with_training
from todpack.eval.trial_result import MEASURES
from todpack.frames import Day, read_day


def _result(psnr_db: float, lpips: float | None = None) -> dict[str, Any]:
    measures: dict[str, Any] = dict.fromkeys(MEASURES, 1.0)
    return {"error": None, "measures": {**measures, "psnr_db": psnr_db, "lpips": lpips, "per_hour": []}}


def test_repeated_trainings_become_mean_and_deviation() -> None:
    found = averaged([_result(40.0), _result(42.0), _result(44.0)])
    assert found["psnr_db"] == {"mean": 42.0, "deviation": 2.0}
    assert found["lpips"] is None
    assert found["runs"] == 3
    assert averaged([_result(40.0)])["psnr_db"] == {"mean": 40.0, "deviation": None}


def test_only_seeded_families_are_repeated() -> None:
    closed = Sweep("a", "daybasis", {}, "pack", "q-step", (8, 16))
    trained = Sweep("b", "gridmlp", {"epochs": 1}, "train", "hidden", (16,))
    assert [trial.pack for trial in closed.trials(8, 3)] == [{"q-step": 8}]
    assert [trial.train for trial in trained.trials(16, 2)] == [
        {"epochs": 1, "hidden": 16, "seed": 0},
        {"epochs": 1, "hidden": 16, "seed": 1},
    ]


def test_no_deviation_of_a_single_run() -> None:
    assert with_deviation([41.2], 2) == "41.20"
    assert with_deviation([41.0, 42.0], 2) == "41.50 ± 0.71"


def test_neural_sweeps_take_a_preset_and_epochs() -> None:
    daybasis, gridmlp = with_training(chosen_sweeps(["daybasis", "gridmlp"]), "full", 3)
    assert daybasis.train == {"refine": "none"}
    assert gridmlp.train == {"preset": "full", "epochs": 3}


def test_compressai_results_come_back_as_they_were_written(sequence: Day, tmp_path: Path) -> None:
    texels = 24 * 20 * 4
    stored = {"name": "a", "results": {"bpp": [0.5, 1.0], "psnr-rgb": [30.0, 40.0], "decoding_time": [0.1, 0.2]}}
    (tmp_path / "a.json").write_text(json.dumps(stored))
    curve = read_results(tmp_path / "a.json", sequence)
    assert [point["bytes"]["mean"] for point in curve["points"]] == [texels / 16, texels / 8]
    assert [point["frame_ms"]["mean"] for point in curve["points"]] == [100.0, 200.0]
    written = results_json(curve, sequence)
    assert written is not None
    assert (written["name"], written["results"]) == ("a", stored["results"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "expected results in JSON"),
        ("[]", "expected an object with results"),
        ('{"results": {"bpp": [1]}}', "expected lists bpp and psnr-rgb"),
        ('{"results": {"bpp": [1], "psnr": [1, 2]}}', "expected psnr as a list of 1 finite numbers"),
        (
            '{"results": {"bpp": [1], "psnr": [1], "decoding_time": [1e306]}}',
            "decoding_time as a list of 1 finite numbers",
        ),
        ('{"results": {"bpp": 1, "psnr": [1]}}', "expected bpp as a list of some finite numbers"),
        ('{"results": {"bpp": [1], "psnr": ["x"]}}', "expected psnr as a list of 1 finite numbers"),
    ],
)
def test_a_file_that_holds_no_results_is_refused(text: str, message: str, sequence: Day, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(EvalError, match=message):
        read_results(tmp_path / "a.json", sequence)


def test_an_unknown_sweep_is_refused() -> None:
    with pytest.raises(EvalError, match="found 'jpeg'"):
        chosen_sweeps(["jpeg"])


def test_a_result_of_others_is_told_before_the_trainings(
    tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (pip install todpack[compare])")
    (tmp_path / "results").mkdir()
    mine = tmp_path / "results" / "daybasis.json"
    mine.write_text("{}")
    quiet = ["--crf", "", "--distance", "", "--no-lpips", "--sweeps", "daybasis"]
    assert main(["eval", "rd", str(tiny_day), "-o", str(tmp_path), *quiet]) == 1
    assert f"{mine}: is there, and was not written by todpack" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


@pytest.mark.thorough
def test_command_sweeps_and_draws(
    tiny_day: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (pip install todpack[compare])")
    quick = Sweep("daybasis", "daybasis", {"max-classes": 1}, "pack", "q-step", (40, -1))
    monkeypatch.setattr(sweep, "SWEEPS", (quick,))
    out = tmp_path / "rd"
    ready, other = tmp_path / "ready.tod", tmp_path / "other.json"
    assert main(["compress", str(tiny_day), "-o", str(ready), "--q-step", "30"]) == 0
    other.write_text(json.dumps({"name": "other", "results": {"bpp": [1.0, 2.0], "psnr-rgb": [30.0, 35.0]}}))
    peers = ["--crf", "", "--distance", "1,3", "--no-lpips", "--sweeps", "daybasis", "--threads", "1"]
    peers += ["--archive", f"mine={ready}", "--results", str(other)]
    capsys.readouterr()
    assert main(["eval", "rd", str(tiny_day), "-o", str(out), *peers]) == 0
    printed = capsys.readouterr().out
    assert "failed: daybasis q-step -1: todpack pack" in printed
    found = json.loads((out / "rd.json").read_text(encoding="utf-8"))
    ours, jpeg_xl, added, mine = found["curves"]
    assert [one["name"] for one in (ours, jpeg_xl, added, mine)] == ["daybasis", "jpegxl", "other", "mine"]
    assert mine["points"][0]["bytes"]["mean"] == ready.stat().st_size
    assert sorted(path.name for path in (out / "results").iterdir()) == [
        "daybasis.json",
        "jpegxl.json",
        "mine.json",
        "other.json",
    ]
    (point,) = ours["points"]
    assert sum(point["budget"].values()) == point["bytes"]["mean"]
    assert len(point["per_hour"]) == 24
    assert len(jpeg_xl["points"]) == 2
    for name in ("rd_psnr_db", "rd_ssim", "latency", "per_hour", "bpt_by_section"):
        with Image.open(out / f"{name}.png") as image:
            assert image.width > 600
        assert (out / f"{name}.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert not (out / "rd_lpips.png").exists()
    (out / "results" / "earlier.json").write_text("{}")
    assert main(["eval", "rd", str(tiny_day), "-o", str(out), *peers[:-4]]) == 0
    assert f"{out / 'results'}: 3 files of other runs stay, such as earlier.json" in caplog.text


def test_a_ready_archive_of_other_frames_is_told(tiny_archive: Path, tiny_day: Path) -> None:
    day, said = read_day(tiny_day), list[str]()
    half = replace(day, radiance=day.radiance[::2], hours=day.hours[::2])
    for one in (day, half, replace(half, hours=half.hours + 0.5), replace(day, valid=~day.valid)):
        (curve,) = archive_curves({"mine": [tiny_archive]}, one, LpipsAbsent("not asked for"), 1, said.append)
        assert len(curve["points"]) == 1
    assert [line.split(": ", 2)[0] for line in said] == [str(tiny_archive)] * 4
    assert "12 of the 24 times of the archive are scored" in said[0]
    assert "12 of the 12 originals are at times that the archive does not hold" in said[1]
    assert "0 of the 24 times of the archive are scored; bits and ratios count the bytes of all" in said[2]
    assert "valid texels" in said[3]


def test_a_ready_archive_of_a_level_has_the_lightmap(tiny_day: Path, tmp_path: Path) -> None:
    for name in ("hall", "stairs"):
        shutil.copytree(tiny_day, tmp_path / "level" / name)
    ready = tmp_path / "level.tod"
    compress(tmp_path / "level", ready, refine="none")
    day, said = read_day(tmp_path / "level", lightmap="stairs"), list[str]()
    absent = LpipsAbsent("not asked for")
    (curve,) = archive_curves({"mine": [ready]}, day, absent, 1, said.append, "stairs")
    assert said == []
    (point,) = curve["points"]
    assert 0 < point["bytes"]["mean"] < ready.stat().st_size
    assert sum(point["budget"].values()) == point["bytes"]["mean"]
    with pytest.raises(EvalError, match="expected an archive of one lightmap or --lightmap, found 2"):
        archive_curves({"mine": [ready]}, day, absent, 1, said.append)


def test_no_trial_that_worked_is_an_error(
    tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (pip install todpack[compare])")
    monkeypatch.setattr(sweep, "SWEEPS", (Sweep("daybasis", "daybasis", {}, "train", "q-step", (-1,)),))
    words = ["--crf", "", "--distance", "", "--no-lpips", "--sweeps", "daybasis"]
    assert main(["eval", "rd", str(tiny_day), "-o", str(tmp_path / "rd"), *words]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert "rd: none of 1 trials worked; the first: todpack train: --q-step: expected" in line


def test_plots_of_nothing_measured(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (pip install todpack[compare])")
    point = {"setting": "a", **dict.fromkeys(MEASURES), "per_hour": []}
    assert write_plots([{"name": "x", "family": "y", "points": [point]}], tmp_path) == []


def test_names_of_curves_are_plain() -> None:
    """What a terminal gave need not be UTF-8, which plots and files have to be."""
    assert list(_named_paths(None, None, ("a=x.tod", "m\udcff=y.tod", "a=z.tod"))) == ["a", "m\\udcff"]  # type: ignore[arg-type]
