"""`todpack eval ab`: it trains, packs and scores for real, goes on where it stopped, and judges as the recipe says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_day, write_day
from todpack.cli import main
from todpack.eval.ab.report import ab_json, ab_table, acceptance, acceptance_table
from todpack.eval.ab.run import QUICK_TRAINING, AbResult, run_ab
from todpack.eval.ab.variants import PLAIN, VARIANTS
from todpack.eval.measures.latency import ComparedTimes, compare_times
from todpack.eval.trials import TrialSettings

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


@pytest.mark.parametrize("variant", ["temporal", "temporal-low"])
def test_temporal_line(variant: str) -> None:
    assert verdict(variant, "temporal LPIPS", temporal_lpips=0.19, psnr_db=29.91) is True
    assert verdict(variant, "temporal LPIPS", temporal_lpips=0.19, psnr_db=29.89) is False
    assert verdict(variant, "temporal LPIPS", temporal_lpips=0.21) is False


@pytest.mark.parametrize("variant", ["patch-ssim", "baseline-encoder", "hybrid"])
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
    settings, out = TrialSettings(day, lpips=False), tmp_path / "ab"

    def run() -> list[AbResult]:
        return run_ab(out, settings, chosen, n_seeds=1, training={"preset": "ab", **QUICK_TRAINING})

    def logs() -> list[int]:
        return [(out / name / "log.txt").stat().st_mtime_ns for name in ("plain-s0", "ptq8-s0")]

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
    (out / "ptq8-s0" / "result.json").write_text("{")  # as if cut short
    assert run() == results
    assert [now == then for now, then in zip(logs(), first, strict=True)] == [True, False]
    times = compare_times({r.variant: r.archive for r in results}, 1, PLAIN, 3)
    assert times[PLAIN].frame_ratio == 1.0
    assert all(one.frame_ms > 0.0 and one.load_ms > 0.0 for one in times.values())
    described = json.dumps(ab_json(results, times, acceptance(results, times), {}))
    assert json.loads(described)["results"][1]["variant"] == "ptq8"


def test_bad_requests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "ab", "--variant", "siren", "--no-lpips"]) == 1
    assert "--variant: expected one of plain, " in capsys.readouterr().err
    arguments = ["eval", "ab", str(tmp_path / "none"), "-o", str(tmp_path / "ab"), "--no-lpips", "--quick"]
    assert main(arguments) == 1
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert "none" in error[0]
