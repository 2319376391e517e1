"""The bench: arithmetic on made-up points, targets, and one small run from frames to pictures."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import REPOSITORY
from todpack.cli import main
from todpack.eval.archive import archive_point
from todpack.eval.bench.dataset import BenchSettings, DatasetBench, bench_dataset
from todpack.eval.bench.report import bench_json, dataset_table, footer
from todpack.eval.bench.targets import Row, ratios_at, rows
from todpack.eval.errors import EvalError
from todpack.eval.machine import machine, machine_line
from todpack.eval.measures.latency import LatencyReport, MemoryReport
from todpack.eval.measures.rate_curve import RatePoint
from todpack.eval.peers.ours import DAYBASIS, REFINED, compress
from todpack.eval.peers.run import PeerResults
from todpack.frames import read_day

X265, JPEG_XL = "x265", "jpegxl"
MINIMAL = BenchSettings((10.0, 30.0), (1.0,), (16.0, 24.0), threads=1, compress_runs=1, opens=1)
MEMORY = MemoryReport(50_000_000, 80_000_000)
LATENCY = LatencyReport(50.0, 2.0, 0.9, 1.2, 20.0, 2, 5, 48, 500, 256, 256, "cpu", "a processor, 2 cores")


def exponential(name: str, scale: float, levels_db: tuple[float, ...] = (38.0, 41.0, 45.0, 48.0)) -> list[RatePoint]:
    """Points of bytes = scale * 2^(dB / 6): log-linear, so interpolation is exact up to rounding."""
    return [RatePoint(name, f"at {db:g}", round(scale * 2 ** (db / 6)), db, 1.0, 1.0) for db in levels_db]


def made_up(ours: float = 900.0, absent: dict[str, str] | None = None, height: int = 256) -> DatasetBench:
    """A dataset whose x265 needs 1000 units and whose JPEG XL 4000; refined, ours needs 720."""
    absent = absent or {}
    points = exponential(DAYBASIS, ours) + exponential(REFINED, 720.0)
    points += exponential(X265, 1000.0, (37.0, 44.0, 49.0)) if X265 not in absent else []
    points += exponential(JPEG_XL, 4000.0) if JPEG_XL not in absent else []
    results = PeerResults(tuple(points), absent)
    one_thread = replace(LATENCY, threads=1, open_ms=70.0)
    refined = {"refined_s": 12.0, "refined_latency": replace(LATENCY, frame_ms_median=0.99), "refined_frame_ratio": 1.1}
    return DatasetBench(
        "frames", "day", height, 256, 24, 40000, results, (9.0, 7.0, 30.0), (LATENCY, one_thread), MEMORY, **refined
    )


def test_ratio_at_equal_psnr_is_the_one_built_in() -> None:
    results = made_up().results
    assert ratios_at(results, X265, (40.0, 42.0, 46.0)) == pytest.approx([0.9] * 3, rel=1e-4)
    assert ratios_at(results, JPEG_XL, (43.0,))[0] == pytest.approx(0.225, rel=1e-4)


def test_ratio_is_absent_where_a_curve_does_not_reach() -> None:
    results = PeerResults((*exponential(DAYBASIS, 1.0e3, (41.0, 45.0)), *exponential(X265, 1.0e3)), {})
    assert ratios_at(results, X265, (40.0, 42.0, 46.0)) == [None, pytest.approx(1.0, rel=1e-3), None]


def test_mean_over_fewer_levels_is_not_given() -> None:
    bench = made_up()
    points = tuple(p for p in bench.results.points if p.name != DAYBASIS or p.psnr_db < 46.0)
    row = rows(replace(bench, results=PeerResults(points, {})))[0]
    assert (row.value, row.verdict) == (None, "not measured")
    assert row.note == "0.900 at 40, 0.900 at 42, no points at 46"


def test_rows_against_the_targets() -> None:
    table = rows(made_up())
    closed, refined = table[:6], table[6:]
    assert [row.value for row in closed] == pytest.approx([0.9, 0.225, 9.0, 50.0, 0.9, 20.0], rel=1e-4)
    assert [row.target for row in closed] == [0.92, 0.26, 8.0, 60.0, 1.0, 30.0]
    assert [row.verdict for row in closed] == ["met", "met", "missed", "met", "met", "met"]
    assert rows(made_up(ours=930.0))[0].verdict == "missed"
    assert [row.value for row in refined] == pytest.approx([0.72, 0.8, 12.0, 1.1], rel=1e-4)
    assert [row.target for row in refined] == [0.78, 0.9, 90.0, 1.05]
    assert [row.verdict for row in refined] == ["met", "met", "met", "missed"]


def test_refinement_that_is_absent_is_named() -> None:
    bench = made_up()
    points = tuple(p for p in bench.results.points if p.name != REFINED)
    results = PeerResults(points, {REFINED: "torch is not installed"})
    table = rows(replace(bench, results=results, refined_latency=None))
    assert [(row.value, row.note) for row in table[6:]] == [(None, "absent: torch is not installed")] * 2


@pytest.mark.parametrize(
    ("value", "target", "verdict"),
    [(1.0, 1.0, "met"), (1.001, 1.0, "missed"), (None, 1.0, "not measured"), (5.0, None, ""), (None, None, "")],
)
def test_verdict(value: float | None, target: float | None, verdict: str) -> None:
    assert Row("measure", value, target).verdict == verdict


def test_targets_belong_to_sizes() -> None:
    targets = [0.80, 0.23, 30.0, 200.0, 4.0, 30.0, 0.66, 0.9, 240.0, 1.05]
    assert [row.target for row in rows(replace(made_up(height=512), width=512))] == targets
    assert {row.verdict for row in rows(made_up(height=255))} == {""}


def test_absent_peers_are_named_and_the_rest_is_printed() -> None:
    bench = made_up(absent={X265: "no package av", JPEG_XL: "no package imagecodecs"})
    described = machine(2)
    table = dataset_table(bench) + "\n" + footer([bench], described)
    assert [row.verdict for row in rows(bench)][:3] == ["not measured", "not measured", "missed"]
    assert "x265 absent: no package av" in table
    assert "jpegxl absent: no package imagecodecs" in table
    assert ["1", "70.0", "0.90", "1.20", "20.0"] in [line.split() for line in table.splitlines()]
    assert "80 MB at the peak with every hour decoded, of which 50 MB are the imports" in table
    assert table.splitlines()[-1] == machine_line(described)
    assert json.loads(json.dumps(bench_json([bench], described), allow_nan=False))["datasets"][0]["absent"]


def test_table_has_each_figure_with_its_target() -> None:
    lines = {" ".join(line.split()) for line in dataset_table(made_up()).splitlines()}
    assert ("bytes / x265, mean, 40, 42, 46 dB 0.900 <= 0.92 met 0.900 at 40, 0.900 at 42, 0.900 at 46") in lines
    assert "compress s, q_step 16 9.00 <= 8 missed median of 9.00, 7.00, 30.00" in lines


@pytest.fixture(scope="module")
def small_bench(tiny_day: Path, tmp_path_factory: pytest.TempPathFactory) -> DatasetBench:
    """A run on the tiny day with the fewest settings, and its own archive as a ready one."""
    archive = tmp_path_factory.mktemp("ready") / "ready.tod"
    assert compress(tiny_day, archive, 20.0, threads=1) > 0.0
    done: list[tuple[int, int, str]] = []
    bench = bench_dataset(tiny_day, MINIMAL, {"ready": archive}, lambda n, in_all, what: done.append((n, in_all, what)))
    assert [n for n, _, _ in done][:8] == list(range(8))
    return bench


@pytest.mark.thorough
def test_small_run(small_bench: DatasetBench) -> None:
    fine, coarse = small_bench.results.curve(DAYBASIS)
    assert fine.size_bytes > coarse.size_bytes > 500
    assert fine.psnr_db > coarse.psnr_db > 25.0
    (ready,) = small_bench.archives
    assert coarse.size_bytes <= ready.point.size_bytes <= fine.size_bytes
    assert len(small_bench.compress_s) == 1 and small_bench.compress_s[0] > 0.0
    assert [latency.threads for latency in small_bench.latencies] == [1]
    assert (small_bench.height, small_bench.width, small_bench.n_frames) == (64, 72, 24)
    assert all(point.psnr_db < math.inf for point in small_bench.results.points)


@pytest.mark.thorough
def test_jpeg_xl_brackets_43_db(small_bench: DatasetBench) -> None:
    if JPEG_XL in small_bench.results.absent:
        pytest.skip("imagecodecs is not installed (pip install todpack[peers])")
    curve = [point.psnr_db for point in small_bench.results.curve(JPEG_XL)]
    assert min(curve) <= 43.0 <= max(curve)


@pytest.mark.thorough
def test_pictures_from_a_bench(small_bench: DatasetBench, tiny_day: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        pytest.skip("matplotlib is not installed (pip install todpack[pictures])")
    report, archive, out = tmp_path / "bench.json", tmp_path / "a.tod", tmp_path / "pictures"
    report.write_text(json.dumps(bench_json([small_bench, small_bench], machine(1)), allow_nan=False))
    compress(tiny_day, archive, 16.0, threads=1)
    options = [report, "--archive", archive, "--data", tiny_day, "--out", out]
    script = [sys.executable, REPOSITORY / "docs" / "make_pictures.py", *options]
    done = subprocess.run(list(map(str, script)), cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sizes = {}
    for path in out.iterdir():
        with Image.open(path) as picture:
            sizes[path.name] = picture.size
    assert sizes["rate_distortion.png"] == (1400, 560)
    assert sizes["original_reconstruction_error.png"] == (52 + 3 * 72 + 2 * 8 + 12, 38 + 3 * 64 + 2 * 8 + 12)


def test_an_archive_of_other_frames_is_refused(small_bench: DatasetBench, tiny_archive: Path) -> None:
    day = read_day(REPOSITORY / "samples" / "courtyard")
    with pytest.raises(EvalError, match="archive and data must have one size: expected 256 x 256"):
        archive_point(tiny_archive, day, name="ours", setting="other")


def test_compress_passes_the_reason_on(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match=r"todpack compress: .*gone: expected a folder"):
        compress(tmp_path / "gone", tmp_path / "a.tod", 16.0, threads=1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a", "b", "--archive", "x=y.tod"], "belongs to one dataset"),
        (["a", "--archive", "y.tod"], "expected NAME=PATH"),
        (["a", "--q-step", "8,x"], "expected numbers separated by commas"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "bench", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "bench", "--help"]) == 0
    assert "Examples:" in capsys.readouterr().out
