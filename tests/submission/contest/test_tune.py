"""The choice of steps against all choices, and the command over a micro dataset."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from tests.contest_data import make_radiance, write_dataset
from todpack.cli import main
from todpack.eval.measures.contest import read_scorer
from todpack.submission.contest import rate_points
from todpack.submission.contest.rate_points import PointCache, RatePoint
from todpack.submission.contest.tune import Curve, Objective, choose, curve_of, tune
from todpack.submission.errors import SubmissionError


def synthetic(rng: np.random.Generator, n: int, n_tiles: int, n_bytes: float) -> Curve:
    steps = np.geomspace(1.0, 16.0, n)
    noise = rng.uniform(0.9, 1.1, n)
    psnr = 62.0 - 4.5 * np.log2(steps) * noise
    values = {
        "psnr_db": n_tiles * psnr,
        "ssim": n_tiles * (1.0 - 0.0002 * steps**1.3),
        "lpips": n_tiles * 0.0002 * steps,
        "n_bytes": n_bytes * steps**-0.6,
        "time_s": np.full(n, 0.05),
    }
    return Curve(steps, values)


@pytest.mark.parametrize("seed", range(6))
def test_choice_is_nearly_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    tiles = [26, 104, 26]
    texels = 256 * 256 * sum(tiles) // 26
    curves = [synthetic(rng, 9, n, n * rng.uniform(5e3, 6e4)) for n in tiles]
    objective = Objective(read_scorer(), dict.fromkeys(("psnr_db", "ssim", "lpips"), sum(tiles)), texels)

    def score(chosen):
        names = curves[0].values
        return objective.score({n: sum(c.values[n][i] for c, i in zip(curves, chosen, strict=True)) for n in names})

    best = max(score(chosen) for chosen in itertools.product(range(9), repeat=3))
    assert score(choose(curves, objective)) > best - 0.01


def point(q_step: float, n_bytes: int, psnr_db: float) -> RatePoint:
    return RatePoint(q_step, n_bytes, psnr_db, 1, 0.99, 1, 0.0, 0, 0.1)


def test_curves_go_through_the_points():
    curve = curve_of([point(8.0, 1000, 50.0), point(2.0, 4000, 60.0)])
    middle = int(np.argmin(np.abs(curve.steps - 4.0)))
    assert curve.values["psnr_db"][[0, middle, -1]] == pytest.approx([60.0, 55.0, 50.0])
    assert curve.values["n_bytes"][[0, middle, -1]] == pytest.approx([4000, 2000, 1000])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune") / "set"
    write_dataset(folder, {("L", 0): make_radiance(20, 24, seed=1), ("L", 1): make_radiance(16, 16, seed=2)})
    return folder


@pytest.mark.thorough
def test_tunes_and_resumes(dataset, tmp_path, monkeypatch, capsys):
    out = tmp_path / "tune.json"
    command = ["tune", str(dataset), "-o", str(out), "--no-lpips", "--jobs", "1", "--rounds", "1"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "1 dB more at the same bytes" in shown
    assert "LPIPS is absent: left out by --no-lpips" in shown
    report, points = json.loads(out.read_text()), json.loads((tmp_path / "tune.json.points.json").read_text())["points"]
    assert set(report["q_steps"]) == {"L_0", "L_1"}
    assert len(points) >= 6
    # the chosen steps are at least as good as any one of the first steps for both
    scorer = read_scorer()
    for step in (2.5, 5.0, 10.0):
        both = [p for p in points.values() if p["q_step"] == step]
        tiles = sum(p["n_psnr"] for p in both)
        measures = {
            "psnr_db": sum(p["psnr_db"] for p in both) / tiles,
            "ssim": sum(p["ssim"] for p in both) / sum(p["n_ssim"] for p in both),
            "lpips": None,
            "time_s": sum(p["time_s"] for p in both),
            "ratio_percent": 100 * sum(p["n_bytes"] for p in both) / (288 * (20 * 24 + 16 * 16)),
        }
        assert report["score"] >= scorer.score(measures) - 1e-9

    def never(*_arguments):
        raise AssertionError("measured again")

    monkeypatch.setattr(rate_points, "measure", never)
    out.unlink()
    assert main(command) == 0
    assert json.loads(out.read_text()) == report


def test_an_interrupted_run_keeps_its_points(dataset, tmp_path, monkeypatch):
    cache, done = PointCache(tmp_path / "points.json"), []

    def stop():
        done.append(1)
        if len(done) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(dataset, read_scorer(), cache, weights=None, max_rounds=0, on_point=stop)
    assert len(json.loads((tmp_path / "points.json").read_text())["points"]) == 2


def test_bad_point_files(tmp_path):
    (tmp_path / "points.json").write_text('{"points": {"a": {"q_step": 1}}}')
    with pytest.raises(SubmissionError, match="expected points of `todpack tune`"):
        PointCache(tmp_path / "points.json")
