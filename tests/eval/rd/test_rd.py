"""Sweeps through the real commands on a tiny day; averages against known values; the plots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from todpack.cli import main
from todpack.eval.errors import EvalError
from todpack.eval.rd import sweep
from todpack.eval.rd.plots import write_plots
from todpack.eval.rd.sweep import Sweep, averaged, chosen_sweeps
from todpack.eval.trials import MEASURES


def _result(psnr_db: float, lpips: float | None = None) -> dict[str, Any]:
    measures: dict[str, Any] = dict.fromkeys(MEASURES, 1.0)
    return {"error": None, "measures": {**measures, "psnr_db": psnr_db, "lpips": lpips, "per_hour": []}}


def test_repeated_trainings_become_mean_and_deviation() -> None:
    found = averaged([_result(40.0), _result(42.0), _result(44.0)])
    assert found["psnr_db"] == {"mean": 42.0, "deviation": 2.0}
    assert found["lpips"] is None
    assert found["runs"] == 3
    assert averaged([_result(40.0)])["psnr_db"] == {"mean": 40.0, "deviation": 0.0}


def test_only_seeded_families_are_repeated() -> None:
    closed = Sweep("a", "daybasis", {}, "pack", "q-step", (8, 16))
    trained = Sweep("b", "gridmlp", {"epochs": 1}, "train", "hidden", (16,), seeded=True)
    assert [trial.pack for trial in closed.trials(8, 3)] == [{"q-step": 8}]
    assert [trial.train for trial in trained.trials(16, 2)] == [
        {"epochs": 1, "hidden": 16, "seed": 0},
        {"epochs": 1, "hidden": 16, "seed": 1},
    ]


def test_an_unknown_sweep_is_refused() -> None:
    with pytest.raises(EvalError, match="found 'jpeg'"):
        chosen_sweeps(["jpeg"])


@pytest.mark.thorough
def test_command_sweeps_and_draws(
    tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (pip install todpack[compare])")
    quick = Sweep("daybasis", "daybasis", {"max-classes": 1}, "pack", "q-step", (40, -1))
    monkeypatch.setattr(sweep, "SWEEPS", (quick,))
    out = tmp_path / "rd"
    peers = ["--crf", "", "--distance", "1,3", "--no-lpips", "--sweeps", "daybasis", "--threads", "1"]
    assert main(["eval", "rd", str(tiny_day), "-o", str(out), *peers]) == 0
    printed = capsys.readouterr().out
    assert "failed: daybasis q-step -1: todpack pack" in printed
    found = json.loads((out / "rd.json").read_text(encoding="utf-8"))
    ours, jpeg_xl = found["curves"]
    assert (ours["name"], jpeg_xl["name"]) == ("daybasis", "jpegxl")
    (point,) = ours["points"]
    assert sum(point["budget"].values()) == point["bytes"]["mean"]
    assert len(point["per_hour"]) == 24
    assert len(jpeg_xl["points"]) == 2
    for name in ("rd_psnr_db", "rd_ssim", "latency", "per_hour", "bpt_by_section"):
        with Image.open(out / f"{name}.png") as image:
            assert image.width > 600
        assert (out / f"{name}.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert not (out / "rd_lpips.png").exists()


def test_plots_of_nothing_measured(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (pip install todpack[compare])")
    point = {"setting": "a", **dict.fromkeys(MEASURES), "per_hour": []}
    assert write_plots([{"name": "x", "family": "y", "points": [point]}], tmp_path) == []
