"""The choice of settings against all choices, and the command over a micro dataset."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from tests.contest_data import KEYS, make_radiance, write_dataset
from todpack.cli import main
from todpack.decompressor.container import Container
from todpack.decompressor.daybasis.entry import read_entry
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.metadata import read_archive_entry
from todpack.eval.measures.contest import read_scorer
from todpack.packer.errors import PackError
from todpack.submission.contest import tune
from todpack.submission.contest.choice import NAMES, Curve, Objective, choose, interpolated_curve
from todpack.submission.contest.rate_points import Measurements, PointCache, RatePoint
from todpack.submission.contest.settings import Setting, jobs_at, read_settings
from todpack.submission.contest.tune import FIRST, OTHERS, Tuning
from todpack.submission.errors import SubmissionError


def synthetic(rng: np.random.Generator, n: int, n_tiles: int, n_bytes: float) -> Curve:
    steps = np.geomspace(1.0, 16.0, n)
    noise = rng.uniform(0.9, 1.1, n)
    values = {
        "n_bytes": n_bytes * steps**-0.6,
        "time_s": np.full(n, 0.05),
        "psnr_db": n_tiles * (62.0 - 4.5 * np.log2(steps) * noise),
        "ssim": n_tiles * (1.0 - 0.0002 * steps**1.3),
        "lpips": n_tiles * 0.0002 * steps,
    }
    settings = tuple(Setting("gamma", 1, float(step)) for step in steps)
    return Curve(settings, np.stack([values[name] for name in NAMES], axis=1))


@pytest.mark.parametrize("seed", range(6))
def test_choice_is_nearly_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    tiles = [26, 104, 26]
    texels = 256 * 256 * sum(tiles) // 26
    curves = [synthetic(rng, 9, n, n * rng.uniform(5e3, 6e4)) for n in tiles]
    objective = Objective(read_scorer(), dict.fromkeys(("psnr_db", "ssim", "lpips"), sum(tiles)), texels)

    def score(chosen):
        return objective.score(np.sum([c.values[i] for c, i in zip(curves, chosen, strict=True)], axis=0))

    best = max(score(chosen) for chosen in itertools.product(range(9), repeat=3))
    chosen = choose(curves, objective)
    assert score(chosen) > best - 0.001
    sums = np.sum([c.values[i] for c, i in zip(curves, chosen, strict=True)], axis=0)
    assert objective.scores(sums) == pytest.approx(score(chosen), abs=1e-9)


def point(q_step: float, n_bytes: int, psnr_db: float, setting: tuple[str, int] = ("gamma", 2)) -> RatePoint:
    return RatePoint(*setting, q_step, n_bytes, psnr_db, 1, 0.99, 1, 0.0, 0, 0.1)


def test_curves_go_through_the_points_and_on():
    curve = interpolated_curve([point(8.0, 1000, 50.0), point(2.0, 4000, 60.0), point(4.0, 1500, 58.0, ("linear", 1))])

    def at(transfer: str, step: float) -> np.ndarray:
        found = [n for n, s in enumerate(curve.settings) if s.transfer == transfer and abs(s.q_step - step) < 1e-6]
        return curve.values[found[0], [0, 2]]

    np.testing.assert_allclose([at("gamma", step)[1] for step in (2.0, 4.0, 8.0)], [60.0, 55.0, 50.0])
    np.testing.assert_allclose([at("gamma", step)[0] for step in (1.0, 2.0, 4.0, 8.0)], [8000, 4000, 2000, 1000])
    # one point takes the slopes of the other domain: 5 dB and half of the bytes in an octave
    np.testing.assert_allclose([at("linear", step)[1] for step in (2.0, 4.0, 8.0)], [63.0, 58.0, 53.0])
    np.testing.assert_allclose([at("linear", step)[0] for step in (2.0, 4.0, 8.0)], [3000, 1500, 750])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune") / "set"
    write_dataset(folder, {("L", 0): make_radiance(20, 24, seed=1), ("L", 1): make_radiance(16, 16, seed=2)})
    return folder


def in_a_process(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "todpack", *map(str, arguments)])


def wait_for(done, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.thorough
def test_the_flow_of_a_level_killed_and_resumed(dataset, tmp_path, monkeypatch, capsys):
    """tune, kill it, tune again; build, kill it, build again: the bytes are those of a build that nobody disturbed."""
    out, points = tmp_path / "tune.json", tmp_path / "tune.json.points.json"
    command = ["tune", str(dataset), "-o", str(out), "--no-lpips", "--jobs", "1", "--rounds", "1"]
    assert main([*command, "--dry-run"]) == 0
    assert "2 lightmaps, 736 texels at 26 times: about" in capsys.readouterr().out
    process = in_a_process(*command)
    wait_for(points.exists)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = json.loads(points.read_text())["lightmaps"]
    assert 1 <= len(kept) <= 2
    assert all(len(FIRST) <= len(one["points"]) <= len(FIRST) + len(OTHERS) for one in kept.values())
    assert not out.exists()
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "1 dB more at the same bytes" in shown
    assert "LPIPS is absent: left out by --no-lpips" in shown
    for key, one in json.loads(points.read_text())["lightmaps"].items():
        assert one["points"][: len(kept.get(key, one)["points"])] == kept.get(key, one)["points"]
    report = json.loads(out.read_text())
    settings = read_settings(out)
    assert set(settings) == {"L_0", "L_1"}

    def never(*_arguments):
        raise AssertionError("measured again")

    with monkeypatch.context() as patch:
        patch.setattr(tune, "measure_all", never)
        assert main(command) == 0
    assert json.loads(out.read_text()) == report

    build = ["submit", "build", "--layout", "contest", dataset, "--steps", out, "--jobs", "1", "-o"]
    process = in_a_process(*build, tmp_path / "killed")
    parts = tmp_path / "killed.tod.parts"
    wait_for(lambda: list(parts.glob("*.tod")) or process.poll() is not None)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for name in ("killed", "whole"):
        assert main([*map(str, build), str(tmp_path / name)]) == 0
    for file in (tmp_path / "whole" / "Parameters").iterdir():
        assert file.read_bytes() == (tmp_path / "killed" / "Parameters" / file.name).read_bytes()
    capsys.readouterr()
    check = ["submit", "check", "--layout", "contest", str(tmp_path / "whole"), "--data", str(dataset), "--no-lpips"]
    assert main([*check, "--dry-run"]) == 0
    assert "2 lightmaps, 736 texels at 26 times: about 3 s, up to 0.3 GB of memory" in capsys.readouterr().out
    assert main(check) == 0
    checked = json.loads((tmp_path / "report.json").read_text())
    for name in ("psnr_db", "ssim", "ratio_percent"):
        assert checked["measures"][name] == pytest.approx(report["measures"][name], rel=1e-5)


@pytest.mark.thorough
def test_what_is_unusual_about_a_dataset_is_said_once(tmp_path, capsys):
    write_dataset(tmp_path / "set", {("L_A", 0): make_radiance(12, 12, KEYS[:6])}, KEYS[:6])
    said = "expected the 26 usual times, found 6 times"
    tune = ["tune", str(tmp_path / "set"), "-o", str(tmp_path / "t.json"), "--rounds", "0", "--no-lpips"]
    build = ["submit", "build", "--layout", "contest", str(tmp_path / "set"), "-o", str(tmp_path / "team")]
    check = ["submit", "check", "--layout", "contest", str(tmp_path / "team"), "--data", str(tmp_path / "set")]
    for words in (tune, build, [*check, "--no-lpips"]):
        main(words)
        assert capsys.readouterr().err.count(said) == 1


def test_a_budget_takes_what_was_measured(dataset, tmp_path):
    cache = PointCache(tmp_path / "points.json")
    with pytest.raises(SubmissionError, match="--budget: expected the time of a few measurements at least"):
        Tuning(dataset, read_scorer(), cache, weights=None, budget_s=0.0).run()
    tuning = Tuning(dataset, read_scorer(), cache, weights=None, budget_s=0.0)
    job = tuning._missing([FIRST, ()])[0]
    cache.put(job, Measurements([point(FIRST[0].q_step, 900, 50.0)], {}))
    tuned = tuning.run()
    assert [one.entry.name for one in tuned.lightmaps] == ["L_0"]
    assert tuned.unmeasured == {"L_1": FIRST[0]}
    assert tuned.to_json(read_scorer())["settings"]["L_1"] == asdict(FIRST[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0s", "expected a time > 0"), ("300h", "up to 277 h, found 300h"), ("2", "expected a time such as")],
)
def test_bad_budgets(dataset, tmp_path, capsys, text, expected):
    assert main(["tune", str(dataset), "-o", str(tmp_path / "t.json"), "--budget", text]) == 2
    assert expected in capsys.readouterr().err


def test_domains_that_do_not_take_a_lightmap_are_left_out(tmp_path):
    radiance, valid = make_radiance(12, 12)
    write_dataset(tmp_path / "set", {("L", 0): (1e18 * radiance, valid)})
    tuning = Tuning(tmp_path / "set", read_scorer(), PointCache(tmp_path / "points.json"), weights=None)
    for settings, expected in (((*FIRST[:1], OTHERS[2]), list(FIRST[:1])), ((OTHERS[2],), [])):
        [job] = tuning._missing([settings])
        assert [one.setting for one in job.measure().points] == expected
    write_dataset(tmp_path / "far", {("L", 0): (1e25 * radiance, valid)})
    [job] = Tuning(tmp_path / "far", read_scorer(), PointCache(tmp_path / "p.json"), weights=None)._missing([FIRST])
    with pytest.raises(PackError, match="expected a brightest radiance from 1e-30 to 1e"):
        job.measure()


def test_steps_of_an_octave_share_a_transform(dataset):
    steps = (2.3, 4.0, 4.4, 4.5)
    jobs = [jobs_at(dataset, {"L_0": Setting("linear", 0, s), "L_1": Setting("gamma", 1, s)})[0] for s in steps]
    assert [job.config.q_step for job in jobs] == [2.0, 2.0, 2.0, 4.0]
    assert {job.config.transfer for job in jobs} == {"linear"}
    assert len({job.digest() for job in jobs}) == 4


def test_a_job_at_a_step_codes_with_that_step(dataset, tmp_path):
    job = jobs_at(dataset, {"L_0": Setting("gamma", 1, 5.0), "L_1": Setting("gamma", 1, 5.0)})[1]
    path = Path(tmp_path, "one.tod")
    path.write_bytes(job.encode())
    with Container(path, DEFAULT_LIMITS) as container:
        archive = read_archive_entry(container.metadata, path, container.version, DEFAULT_LIMITS)
        assert read_entry(archive.lightmaps[0], 26).q_step == 5.0


def test_bad_point_files(tmp_path):
    (tmp_path / "points.json").write_text('{"lightmaps": {"a": {"points": [{"q_step": 1}], "domains": []}}}')
    with pytest.raises(SubmissionError, match="expected points of `todpack tune`"):
        PointCache(tmp_path / "points.json")
    point = asdict(RatePoint("gamma", 2, 4.0, 100, 50.0, 1, 0.9, 1, 0.1, 1, 0.1))
    for name, value in (("n_bytes", "x"), ("transfer", 1), ("lpips", None)):
        with pytest.raises(ValueError, match="figures of a point that are no numbers"):
            RatePoint.from_json({**point, name: value})
    lossless = {**point, "psnr_db": float("inf")}
    assert RatePoint.from_json(lossless) == RatePoint(**lossless)


def test_steps_of_an_earlier_report_are_read(tmp_path: Path) -> None:
    (tmp_path / "tune.json").write_text('{"q_steps": {"L_A_0": 2.5}}')
    assert read_settings(tmp_path / "tune.json") == {"L_A_0": Setting("gamma", 1, 2.5)}


def test_two_processes_keep_each_others_points(dataset, tmp_path):
    caches = [PointCache(tmp_path / "points.json") for _ in range(2)]
    one, other = Tuning(dataset, read_scorer(), caches[0], weights=None)._missing([FIRST, FIRST])
    caches[0].put(one, Measurements([point(FIRST[0].q_step, 900, 50.0)], {}))
    caches[1].put(one, Measurements([point(FIRST[1].q_step, 800, 49.0)], {}))
    caches[1].put(other, Measurements([point(FIRST[0].q_step, 700, 48.0)], {}))
    found = PointCache(tmp_path / "points.json")
    assert [found.find(job, FIRST[n]).n_bytes for job, n in ((one, 0), (one, 1), (other, 0))] == [900, 800, 700]
