"""`todpack eval ab`: it trains, packs and scores for real, goes on where it stopped, and judges as the recipe says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.conftest import make_day, write_day
from tests.eval.measured import MEASURED, with_archive
from todpack.cli import main
from todpack.eval.ab.report import ab_json, ab_table, acceptance, acceptance_table
from todpack.eval.ab.run import QUICK_TRAINING, AbPlan, AbResult, ab_code, plan_ab, run_ab
from todpack.eval.ab.variants import PLAIN, VARIANTS
from todpack.eval.code_digest import code_digest
from todpack.eval.earlier_trials import finished_result
from todpack.eval.errors import EvalError
from todpack.eval.measures.latency import ComparedTimes, compare_times
from todpack.eval.trial import TrialSettings
from todpack.eval.trial_result import ALWAYS, OTHERS, RESULT

pytest.importorskip("torch")

FIGURES = {
    "psnr_db": 30.0, "ssim": 0.90, "lpips": 0.10, "temporal_lpips": 0.20, "temporal_l1": 0.02,
    "archive_bytes": 500_000, "model_bytes": 400_000, "parameters": 100_000, "train_s": 9.0,
}  # fmt: skip


def result(variant: str = PLAIN, seed: int = 0, **changed: float | None) -> AbResult:
    return AbResult(variant, seed, Path("a.tod"), {**FIGURES, **changed})


def verdict(variant: str, line: str, frame_ratio: float = 1.0, **changed: Any) -> bool | None:
    """What the one line says of a variant that differs from plain as given, both with two equal seeds."""
    results = [result(seed=seed) for seed in (0, 1)] + [result(variant, seed, **changed) for seed in (0, 1)]
    timings = {PLAIN: ComparedTimes(10.0, 20.0, 1.0), variant: ComparedTimes(10.0 * frame_ratio, 20.0, frame_ratio)}
    (found,) = [a for a in acceptance(results, timings) if a.variant == variant and line in a.line]
    assert f"| {found.variant} | {found.found} | {found.verdict} |" in acceptance_table(acceptance(results, timings))
    return found.passed


def test_bytes_are_judged_against_fp32() -> None:
    assert verdict("ptq8", "PTQ alone", model_bytes=100_000) is True
    assert verdict("ptq16", "PTQ alone", model_bytes=100_001) is False
    assert verdict("hash-2", "with hash", model_bytes=50_000) is True
    assert verdict("hash-2", "with hash", model_bytes=50_001) is False


@pytest.mark.parametrize("variant", ["ptq8", "ptq16", "qat8", "hash-1", "hash-2"])
def test_quality_against_fp32(variant: str) -> None:
    assert verdict(variant, "against fp32", psnr_db=29.81, lpips=0.109) is True
    assert verdict(variant, "against fp32", psnr_db=29.79) is False
    assert verdict(variant, "against fp32", lpips=0.111) is False


def test_without_lpips_nothing_is_said_to_pass() -> None:
    results = [result(name, lpips=None, temporal_lpips=None) for name in (PLAIN, "ptq8")]
    lines = acceptance(results, {name: ComparedTimes(1.0, 1.0, 1.0) for name in (PLAIN, "ptq8")})
    (line,) = [a for a in lines if "against fp32" in a.line]
    assert line.passed is None
    assert line.verdict == "undecided, LPIPS is absent"
    assert "absent" in ab_table(results, {name: ComparedTimes(1.0, 1.0, 1.0) for name in (PLAIN, "ptq8")})


def test_temporal_line() -> None:
    assert verdict("temporal", "temporal LPIPS", temporal_lpips=0.19, psnr_db=29.91) is True
    assert verdict("temporal", "temporal LPIPS", temporal_lpips=0.19, psnr_db=29.89) is False
    assert verdict("temporal", "temporal LPIPS", temporal_lpips=0.21) is False


@pytest.mark.parametrize("variant", ["patch-lpips", "baseline-input", "baseline-encoder", "hybrid"])
def test_looks_line(variant: str) -> None:
    assert verdict(variant, "SSIM", ssim=0.921, psnr_db=29.71) is True
    assert verdict(variant, "SSIM", lpips=0.079, psnr_db=29.71) is True
    assert verdict(variant, "SSIM", ssim=0.919, lpips=0.081) is False
    assert verdict(variant, "SSIM", ssim=0.93, psnr_db=29.69) is False


def test_frame_time_line() -> None:
    assert verdict("film", "frame time", frame_ratio=1.05) is True
    assert verdict("film", "frame time", frame_ratio=1.051) is False


def test_table_has_mean_and_deviation() -> None:
    results = [result(seed=seed, psnr_db=db) for seed, db in enumerate((29.0, 30.0, 31.0))]
    assert "| plain | 30.00 ± 1.00 | 0.9000 ± 0.0000 |" in ab_table(results, {PLAIN: ComparedTimes(10.0, 20.0, 1.0)})


@pytest.mark.thorough
def test_real_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    frames, valid = make_day(24, 32, 4)
    day = write_day(tmp_path / "day", frames, valid)
    chosen = tuple(v for v in VARIANTS if v.name in (PLAIN, "ptq8"))
    settings, out = TrialSettings(day, lpips=False, code=("trains", "packs")), tmp_path / "ab"

    def run(settings: TrialSettings = settings) -> list[AbResult]:
        training: dict[str, Any] = {"preset": "ab", **QUICK_TRAINING}
        return run_ab(plan_ab(out, settings, chosen, n_seeds=1, training=training))

    def logs() -> list[int]:
        return [(out / name / "log.txt").stat().st_mtime_ns for name in ("plain-s0", "ptq8-s0")]

    def trained() -> int:
        return (out / "plain-s0" / "run" / "log.csv").stat().st_mtime_ns

    results = run()
    assert [r.variant for r in results] == [PLAIN, "ptq8"]
    assert "$ todpack train" not in (out / "ptq8-s0" / "log.txt").read_text()  # it packs the plain one's run
    plain, ptq8 = (one.figures for one in results)
    assert plain["lpips"] is None
    assert ptq8["model_bytes"] < 0.6 * plain["model_bytes"]
    assert abs(ptq8["psnr_db"] - plain["psnr_db"]) < 1.0
    assert plain["archive_bytes"] == (out / "plain-s0" / "archive.tod").stat().st_size
    first = logs()
    assert run() == results
    assert logs() == first
    (out / "ptq8-s0" / "result.json").write_text('{"written_by": "todpack",')  # as if cut short
    assert run() == results
    assert [now == then for now, then in zip(logs(), first, strict=True)] == [True, False]
    first, at = logs(), trained()
    measured_anew = run(replace(settings, code=("trains", "packs otherwise")))
    assert [one.figures for one in measured_anew] == [one.figures for one in results]
    assert trained() == at  # the run is taken as it is
    assert not set(logs()) & set(first)
    run(replace(settings, code=("trains otherwise", "packs")))
    assert trained() != at
    times = compare_times({r.variant: r.archive for r in results}, 1, PLAIN, 3)
    assert times[PLAIN].frame_ratio == 1.0
    assert all(one.frame_ms > 0.0 and one.load_ms > 0.0 for one in times.values())
    described = json.dumps(ab_json(results, times, acceptance(results, times), {}))
    assert json.loads(described)["results"][1]["variant"] == "ptq8"


def test_plan_says_what_is_to_do(tmp_path: Path) -> None:
    chosen = tuple(v for v in VARIANTS if v.name in ("ptq8", "qat8"))
    settings = TrialSettings(tmp_path / "day", lpips=False, code=("a", "b"))
    plan = plan_ab(tmp_path, settings, chosen, n_seeds=2, training={"epochs": 2})
    assert [trial.name for _, _, trial in plan.jobs][:3] == ["plain-s0", "ptq8-s0", "qat8-s0"]
    assert plan.describe() == "3 variants x 2 seeds: 0 trials are there, 6 to do"
    for _, _, trial in plan.jobs[:2]:
        result = {"values": trial.values, "frames": "", "code": ["a", "b"], "measures": MEASURED, "spent_s": 40.0}
        (tmp_path / trial.name).mkdir()
        (tmp_path / trial.name / RESULT).write_text(json.dumps(result))
        with_archive(tmp_path / trial.name)
    assert plan.describe() == "3 variants x 2 seeds: 2 trials are there, 4 to do, about 2:40"
    for train, pack in (("a", "c"), ("c", "b")):
        assert len(replace(plan, settings=replace(settings, code=(train, pack))).to_do) == 6


def test_trials_of_other_options_stay(tmp_path: Path) -> None:
    """A quick look at the table does not take the place of hours of training."""
    chosen = tuple(variant for variant in VARIANTS if variant.name == PLAIN)
    settings = TrialSettings(Path("day"))

    def plan(training: dict[str, Any]) -> AbPlan:
        return plan_ab(tmp_path, settings, chosen, n_seeds=1, training=training)

    long = plan({"preset": "ab"})
    ((_, _, trial),) = long.jobs
    measures = {**dict.fromkeys(ALWAYS, 1.0), **dict.fromkeys(OTHERS), "per_hour": []}
    result = {"written_by": "todpack", "values": trial.values, "measures": measures, "error": None}
    (tmp_path / trial.name).mkdir()
    (tmp_path / trial.name / "result.json").write_text(json.dumps(result))
    long.refuse_other_options()
    with pytest.raises(EvalError, match="expected a trial with --epochs 2, found a finished one with no --epochs"):
        plan({"preset": "ab", **QUICK_TRAINING}).refuse_other_options()
    with pytest.raises(EvalError, match="expected a trial with --preset full, found a finished one with --preset ab"):
        plan({"preset": "full"}).refuse_other_options()


def test_other_weights_to_start_from_are_another_trial(tmp_path: Path) -> None:
    settings, chosen = TrialSettings(tmp_path, lpips=False), tuple(v for v in VARIANTS if v.name == "qat8")
    plans = [plan_ab(tmp_path, settings, chosen, n_seeds=1, training={"epochs": n}) for n in (2, 2, 3)]
    first, same, other = [next(trial for v, _, trial in plan.jobs if v.name == "qat8") for plan in plans]
    result = {"values": first.values, "frames": "", "measures": MEASURED}
    (tmp_path / RESULT).write_text(json.dumps(result))
    with_archive(tmp_path)
    assert finished_result(tmp_path, same, settings) is not None
    assert finished_result(tmp_path, other, settings) is None
    assert first.begun_by != other.begun_by


@pytest.mark.thorough
def test_code_of_training_and_of_measuring_are_told_apart() -> None:
    trains, measures = ab_code()
    assert len({trains, measures}) == 2
    assert ab_code() == (trains, measures)


def test_comments_do_not_make_other_code(tmp_path: Path) -> None:
    def digest(source: str, table: str = "a = 1") -> str:
        (tmp_path / "a.py").write_text(source)
        (tmp_path / "b.toml").write_text(table)
        return code_digest(["*.py", "*.toml"], root=tmp_path)

    before = digest('"""Says."""\ndef f(x):\n    """Says."""\n    return x + 1\n')
    assert digest("def f(x):\n    # more\n    return (x + 1)\n") == before
    assert digest("def f(x):\n    return x + 2\n") != before
    assert digest("def f(x):\n    return x + 1\n", "a = 2") != before


def test_bad_requests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "ab", "--variant", "siren", "--no-lpips"]) == 1
    assert "--variant: expected one of plain, " in capsys.readouterr().err
    arguments = ["eval", "ab", str(tmp_path / "none"), "-o", str(tmp_path / "ab"), "--no-lpips", "--quick"]
    assert main(arguments) == 1
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert "none" in error[0]


def test_trials_of_other_frames_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """What is unusual about these is said before."""
    day = tmp_path / "day"
    day.mkdir()
    for number, frame in enumerate(make_day(24, 32, 24)[0]):
        Image.fromarray(frame).save(day / f"f_{number + 1}.png")
    folder = tmp_path / "ab" / "plain-s0"
    folder.mkdir(parents=True)
    measures = {**dict.fromkeys(ALWAYS, 1.0), **dict.fromkeys(OTHERS), "per_hour": []}
    result = {"written_by": "todpack", "values": {}, "frames": "others", "measures": measures, "error": None}
    (folder / "result.json").write_text(json.dumps(result))
    assert main(["eval", "ab", str(day), "-o", str(tmp_path / "ab"), "--no-lpips", "--quick"]) == 1
    assert "plain-s0: expected trials of these frames, found a finished one of others" in capsys.readouterr().err
    assert json.loads((folder / "result.json").read_text()) == result
    assert any("names count from 1: f_1.png is taken as 0 h" in line for line in caplog.messages)
