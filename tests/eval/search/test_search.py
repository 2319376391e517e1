"""Searches: spaces, trials through the real commands, failed and resumed ones, the sorted table."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.eval.measured import MEASURED, with_archive
from todpack.cli import main
from todpack.decompressor.files import exclusive_folder
from todpack.eval.earlier_trials import are_frames_of, finished_result
from todpack.eval.errors import EvalError
from todpack.eval.measures.lpips_weights import LpipsAbsent, LpipsWeights
from todpack.eval.search.runner import run_search, score_of
from todpack.eval.search.space import drawn_trials, read_space
from todpack.eval.search.table import results_table, sorted_results
from todpack.eval.trial import Trial, TrialSettings, option_words
from todpack.eval.trials import run_trial
from todpack.frames import read_day
from todpack.frames.digest import frames_digest


def write_space(folder: Path, text: str, name: str = "space.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_grid_is_tried_whole(tmp_path: Path) -> None:
    space = read_space(
        write_space(tmp_path, '[train]\nmax_classes = [1, 2]\n[pack]\nq_step = [8, 16, 24]\nentropy = "zstd"\n')
    )
    trials = list(drawn_trials(space))
    assert len(trials) == 6
    assert trials[1] == Trial("daybasis", {"max-classes": 1}, {"q-step": 16, "entropy": "zstd"})


def test_a_flat_space_may_have_seeds_of_the_training(tmp_path: Path) -> None:
    space = read_space(write_space(tmp_path, '{"hidden": [16], "seed": [1, 2]}', "space.json"))
    assert list(drawn_trials(space)) == [Trial("gridmlp", {"hidden": 16, "seed": seed}, {}) for seed in (1, 2)]
    assert read_space(write_space(tmp_path, '{"family": "siren", "seed": 3}', "space.json")).seed == 3


def test_random_draws_stay_in_range_and_repeat(tmp_path: Path) -> None:
    text = {
        "sampler": "random",
        "trials": 40,
        "seed": 3,
        "train": {"lr": {"low": 1e-4, "high": 1e-2, "log": True}, "hidden": {"low": 8, "high": 12}},
    }
    space = read_space(write_space(tmp_path, json.dumps(text), "space.json"))
    trials = list(drawn_trials(space))
    assert trials == list(drawn_trials(space))
    rates = [float(trial.train["lr"]) for trial in trials]
    assert 1e-4 <= min(rates) < 1e-3 < max(rates) <= 1e-2
    assert {trial.train["hidden"] for trial in trials} == {8, 9, 10, 11, 12}


def test_random_draws_are_different_ones_as_far_as_there_are(tmp_path: Path) -> None:
    text = "sampler = 'random'\ntrials = {}\n[pack]\nq_step = [4, 8, 12, 16, 20, 24]\n"
    for asked, found in ((4, 4), (6, 6), (9, 6)):
        trials = list(drawn_trials(read_space(write_space(tmp_path, text.format(asked)))))
        assert len({trial.name for trial in trials}) == len(trials) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed = 1\n", "expected fields of .*found 'speed'"),
        ("[train]\nlr = []\n", "train.lr: expected at least one choice"),
        ("[train]\nlr = [0.1, inf]\n", "train.lr: expected a finite number, found inf"),
        ("[train]\nlr = {low = 1, high = 2}\n", "train.lr: expected choices for a grid, found a range"),
        ('sampler = "random"\n[train]\nlr = {low = 2, high = 1}\n', "expected low <= high, found 2, 1"),
        ('sampler = "random"\n[train]\nlr = {low = 0, high = 1, log = true}\n', "above 0 with log"),
        ('sampler = "hope"\n', "expected one of grid, random, optuna, found 'hope'"),
        ("[score]\nbeauty = 1\n", "score: expected weights of psnr_db"),
        ("family = \n", "not TOML"),
        ("trials = 0\n", "trials: expected a whole number in 1..100000, found 0"),
        ("trials = true\n", "trials: expected a whole number in 1..100000, found True"),
        ("seed = 1.9\n", "seed: expected a whole number, found 1.9"),
        (
            'sampler = "random"\n[train]\nlr = {low = 1, high = 2, log = "no"}\n',
            "lr.log: expected true or false, found no",
        ),
        ("[train]\nq_step = 8\nq-step = 9\n", "train.q-step: expected each option once, found it with _ and with -"),
    ],
)
def test_bad_spaces_say_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(EvalError, match=message):
        read_space(write_space(tmp_path, text))


def test_option_words() -> None:
    words = option_words({"q-step": 8, "rotate": False, "refine": "fast", "amp": True, "lr": 0.001})
    assert words == ["--q-step", "8", "--no-rotate", "--refine", "fast", "--amp", "--lr", "0.001"]


def test_one_search_at_a_time_works_in_a_folder(
    tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another one would take what is being trained there for its own, or packs what this one trains."""
    space, out = write_space(tmp_path, "[pack]\nq_step = [40]\n"), tmp_path / "out"
    with exclusive_folder(out):
        assert main(["search", str(space), "--data", str(tiny_day), "-o", str(out), "--no-lpips"]) == 1
        assert not list(out.iterdir())
    assert f"{out}: another todpack is at work there" in capsys.readouterr().err


@pytest.mark.thorough
def test_failed_and_resumed_trials(tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A real search of two, of which one cannot work; then again."""
    space = write_space(tmp_path, "[train]\nmax_classes = 1\n[pack]\nq_step = [40, -1]\n")
    command = [
        "search",
        str(space),
        "--data",
        str(tiny_day),
        "-o",
        str(tmp_path / "out"),
        "--no-lpips",
        "--threads",
        "1",
    ]
    assert main([*command, "--num-workers", "2", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    worked, failed = first["trials"]
    assert worked["measures"]["psnr_db"] > 20.0
    assert failed["measures"] is None
    assert failed["error"].startswith("todpack pack: --q-step: ")
    folder = tmp_path / "out" / worked["name"]
    assert (folder / "archive.tod").stat().st_size == worked["measures"]["bytes"]
    assert "$ todpack train" in (folder / "log.txt").read_text(encoding="utf-8")
    before = (folder / "result.json").stat().st_mtime_ns
    assert main([*command, "--sort", "bytes"]) == 0
    table = capsys.readouterr().out
    assert "1 trials worked (1 from an earlier run), 1 failed" in table
    assert f"failed: {failed['name']}: todpack pack" in table
    assert main([*command, "--repeats", "3", "--sort", "bytes"]) == 0  # this family has no seed
    assert capsys.readouterr().out == table
    assert (folder / "result.json").stat().st_mtime_ns == before
    result = json.loads((folder / "result.json").read_text())  # as of one that is stopped after its training
    (folder / "result.json").write_text(json.dumps({**result, "measures": None, "error": "interrupted"}))
    config = json.loads((folder / "run" / "config.json").read_text())
    config["figures"]["train_seconds"] = 1234.5
    (folder / "run" / "config.json").write_text(json.dumps(config))
    assert main([*command, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["trials"][0]["measures"]
    assert again["train_s"] == 1234.5 < again["made_s"]
    own = ("notes.txt", "latent_map.npy")  # the second is what another family's run may have
    for name in own:
        (folder / "run" / name).write_text("mine")
    frame = min(tiny_day.glob("*.png"))
    changed = shutil.copytree(tiny_day, tmp_path / "changed")
    shutil.copy(max(tiny_day.glob("*.png")), changed / frame.name)
    of_others = [str(changed) if word == str(tiny_day) else word for word in command]
    assert main(of_others) == 1
    assert (
        "found a finished one of others; name another folder, or replace it by --overwrite" in capsys.readouterr().err
    )
    assert main([*of_others, "--overwrite"]) == 0
    assert "1 trials worked (0 from an earlier run), 1 failed" in capsys.readouterr().out
    assert [(folder / "run" / name).read_text() for name in own] == ["mine", "mine"]
    assert (folder / "run" / "config.json").is_file()
    (folder / "run" / "log.csv").write_text("mine")
    assert main([*command, "--overwrite"]) == 1  # the other one fails by itself
    assert "log.csv: is there, and was not written by todpack" in capsys.readouterr().err
    assert (folder / "run" / "log.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("settings", "counts"),
    [
        (TrialSettings(Path("day"), frames="a"), True),
        (TrialSettings(Path("moved"), threads=2, lpips=False, frames="a"), True),
        (TrialSettings(Path("day"), frames="b"), False),
    ],
)
def test_only_trials_of_the_same_frames_are_taken_up(tmp_path: Path, settings: TrialSettings, counts: bool) -> None:
    trial = Trial("daybasis")
    result = {"values": trial.values, "frames": "a", "lpips_weights": None, "measures": MEASURED, "error": None}
    (tmp_path / "result.json").write_text(json.dumps(result), encoding="utf-8")
    assert finished_result(tmp_path, trial, settings) is None  # without its archive
    with_archive(tmp_path)
    assert (finished_result(tmp_path, trial, settings) is not None) == counts


def test_a_run_to_start_from_that_was_trained_anew_makes_other_trials(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    arrays = tmp_path / "base" / "arrays.npz"
    arrays.write_bytes(b"weights")
    trial, settings = Trial("gridmlp", {"init-from": str(tmp_path / "base")}), TrialSettings(Path("day"))
    result = {"values": trial.values, "frames": "", "lpips_weights": None, "measures": MEASURED, "error": None}
    result |= {"start": hashlib.sha256(b"weights").hexdigest()}
    folder = tmp_path / "trial"
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    with_archive(folder)
    assert finished_result(folder, trial, settings) is not None
    arrays.write_bytes(b"other weights")
    assert finished_result(folder, trial, settings) is None
    arrays.unlink()  # nothing says that it is another
    assert finished_result(folder, trial, settings) is not None
    del result["start"]
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    arrays.write_bytes(b"weights")
    assert finished_result(folder, trial, settings) is None


def test_trials_without_a_measure_that_is_wanted_are_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And such as were measured by other weights than those that are here."""
    trial = Trial("daybasis")
    weights = LpipsWeights(tmp_path / "trunk.pth", tmp_path / "heads.pth")
    for path in (weights.trunk, weights.heads):
        path.write_text("numbers")
    monkeypatch.setattr("todpack.eval.trial.find_weights", lambda _: weights)
    settings, first = TrialSettings(Path("day")), weights.digest

    with_archive(tmp_path)

    def counts(measured_by: str | None, settings: TrialSettings) -> bool:
        result = {
            "values": trial.values,
            "frames": "",
            "lpips_weights": measured_by,
            "measures": MEASURED,
            "error": None,
        }
        (tmp_path / "result.json").write_text(json.dumps(result), encoding="utf-8")
        return finished_result(tmp_path, trial, settings) is not None

    assert not counts(None, settings)
    assert counts(first, settings)
    assert counts(None, replace(settings, lpips=False))
    weights.trunk.write_text("other numbers")
    assert weights.digest != first
    assert not counts(first, settings)
    assert counts(weights.digest, settings)
    monkeypatch.setattr("todpack.eval.trial.find_weights", lambda _: LpipsAbsent("none here"))
    assert counts(first, settings)
    assert counts(None, settings)


@pytest.mark.parametrize(
    "change",
    [
        {"measures": {}},
        {"measures": [1]},
        {"measures": {**MEASURED, "psnr_db": "x"}},
        {"measures": {**MEASURED, "bytes": None}},
        {"measures": {**MEASURED, "ssim": 10**400}},
        {"measures": {**MEASURED, "per_hour": [{"hour": "noon"}]}},
        {"measures": {name: value for name, value in MEASURED.items() if name != "frame_ms"}},
        {"code": 5},
        {"code": {}},
        {"error": 5},
        {"spent_s": "long"},
    ],
    ids=str,
)
def test_a_result_that_no_trial_writes_is_none(tmp_path: Path, change: dict[str, Any]) -> None:
    trial, settings = Trial("daybasis"), TrialSettings(Path("day"))
    result = {
        "name": 7,
        "values": trial.values,
        "frames": "",
        "lpips_weights": None,
        "measures": MEASURED,
        "error": None,
    }
    with_archive(tmp_path)
    (tmp_path / "result.json").write_text(json.dumps(result))
    assert finished_result(tmp_path, trial, settings) == {**result, "name": tmp_path.name}
    (tmp_path / "result.json").write_text(json.dumps({**result, **change}))
    assert finished_result(tmp_path, trial, settings) is None


def test_seeds_of_the_space_and_repeats_do_not_go_together(
    tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = write_space(tmp_path, 'family = "gridmlp"\n[train]\nseed = [5, 6]\n')
    words = ["search", str(space), "--data", str(tiny_day), "-o", str(tmp_path / "out"), "--no-lpips", "--repeats", "2"]
    pytest.importorskip("torch")
    assert main(words) == 1
    assert "train: seed: expected none beside --repeats" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_frames_that_change_meanwhile_are_another_days(tiny_day: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_day, tmp_path / "day")
    settings = TrialSettings(folder, frames=frames_digest(read_day(folder)))
    assert are_frames_of(settings)
    shutil.copy(folder / "tod_12.png", folder / "tod_00.png")
    assert not are_frames_of(settings)
    shutil.rmtree(folder)
    assert not are_frames_of(settings)
    assert are_frames_of(TrialSettings(folder))


def test_a_pipe_for_a_result_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "result.json")
    trial, settings = Trial("daybasis"), TrialSettings(Path("day"))
    assert finished_result(tmp_path, trial, settings) is None
    (tmp_path / trial.name).mkdir()
    os.mkfifo(tmp_path / trial.name / "result.json")
    with pytest.raises(EvalError, match="expected the folder of a trial"):
        run_trial(trial, tmp_path, settings)


def test_optuna_does_not_pretend_to_run_on_ray(tmp_path: Path) -> None:
    space = read_space(write_space(tmp_path, 'sampler = "optuna"\ntrials = 1\n'))
    with pytest.raises(EvalError, match="--engine ray: expected the sampler grid or random, found optuna"):
        run_search(space, tmp_path, TrialSettings(Path("day")), engine="ray")


def test_frames_digest(tiny_day: Path) -> None:
    day = read_day(tiny_day)
    other = dataclasses.replace(day, radiance=day.radiance + np.float32(1))
    assert frames_digest(day) == frames_digest(read_day(tiny_day)) != frames_digest(other)


def _result(name: str, psnr_db: float | None, score: float | None) -> dict[str, Any]:
    measures = None
    if psnr_db is not None:
        measures = {
            "psnr_db": psnr_db,
            "ssim": 0.9,
            "lpips": None,
            "bytes": 10,
            "bpt": 1.0,
            "frame_ms": 1.0,
            "made_s": 1.0,
        }
    values = {"family": {"name": "daybasis"}, "train": {}, "pack": {}}
    return {"name": name, "values": values, "measures": measures, "score": score, "error": "why", "resumed": False}


def test_sorting_puts_failures_last() -> None:
    results = [_result("failed", None, None), _result("good", 40.0, 34.0), _result("better", 42.0, 36.0)]
    assert [r["name"] for r in sorted_results(results, "score")] == ["better", "good", "failed"]
    assert [r["name"] for r in sorted_results(results, "psnr_db")] == ["better", "good", "failed"]
    assert "absent" in results_table(results)


def test_options_of_one_name_are_told_apart() -> None:
    result = _result("one", 40.0, 34.0)
    result["values"] |= {"train": {"q-step": 4.0, "seed": 1}, "pack": {"q-step": 10.0}}
    assert "  pack q-step=10 seed=1 train q-step=4" in results_table([result])


def test_score_is_the_weighted_sum() -> None:
    measures = _result("a", 40.0, None)["measures"]
    assert score_of(measures, {"psnr_db": 1.0, "bpt": -6.0}) == 34.0
    assert score_of(measures, {"lpips": -1.0}) is None
    assert score_of(None, {"psnr_db": 1.0}) is None


@pytest.mark.slow
def test_optuna_is_asked_and_told(tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("optuna", reason="optuna is not installed (pip install todpack[search])")
    text = (
        'sampler = "optuna"\ntrials = 2\n[train]\nmax_classes = 1\nrotate = false\n'
        "[pack]\nq_step = {low = 20.0, high = 60.0}\n"
    )
    out = tmp_path / "out"
    command = [
        "search",
        str(write_space(tmp_path, text)),
        "--data",
        str(tiny_day),
        "-o",
        str(out),
        "--no-lpips",
        "--json",
    ]
    assert main(command) == 0
    trials = json.loads(capsys.readouterr().out)["trials"]
    steps = [trial["values"]["pack"]["q-step"] for trial in trials]
    assert len(set(steps)) == 2
    assert all(20.0 <= step <= 60.0 for step in steps)
    assert trials[0]["score"] >= trials[1]["score"]


def test_ray_is_named_where_it_is_missing(
    tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    space = write_space(tmp_path, "[pack]\nq_step = 24\n")
    assert main(["search", str(space), "--data", str(tiny_day), "-o", str(tmp_path / "out"), "--engine", "ray"]) == 1
    assert "--engine ray needs ray: pip install 'todpack[ray]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('family = ["daybasis", "wavelets"]\n', "family: expected some of daybasis, gridmlp, siren, found 'wavelets'"),
        ("[train]\nspeed = 1\n", "train.speed: expected an option of `todpack train`, found none of that name"),
        ("[pack]\nhidden = 1\n", "pack.hidden: expected an option of `todpack pack`, found none of that name"),
        (
            "[train]\nout_dir = '/x'\n",
            "train.out-dir: expected an option of the trial's own, found one that the search gives itself",
        ),
        ("[score]\nbytes = 1e308\n", "score.bytes: expected a number up to 1e+30, found 1e+308"),
        (
            "[pack]\nout = '/x'\n",
            "pack.out: expected an option of the trial's own, found one that the search gives itself",
        ),
    ],
)
def test_unknown_names_are_one_error_and_no_trial(
    text: str, message: str, tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = write_space(tmp_path, text)
    assert main(["search", str(space), "--data", str(tiny_day), "-o", str(tmp_path / "trials")]) == 1
    assert capsys.readouterr().err == f"todpack: error: {space}: {message}\n"
    assert not (tmp_path / "trials").exists()


def test_a_grid_is_bounded(tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    choices = list(range(1, 60))
    lines = [f"{name} = {choices}" for name in ("q_step", "tile", "levels", "max_components", "max_classes")]
    space = write_space(tmp_path, "\n".join(["[train]", *lines, ""]))
    assert main(["search", str(space), "--data", str(tiny_day), "-o", str(tmp_path / "trials")]) == 1
    found = f"found {59**5} (sampler = 'random' draws some)"
    assert capsys.readouterr().err == f"todpack: error: {space}: grid: expected at most 100000 trials, {found}\n"
