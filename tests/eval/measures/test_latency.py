"""Timing an archive in fresh processes: what is reported, not how fast it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from todpack.eval.errors import EvalError
from todpack.eval.machine import cpu_name
from todpack.eval.measures import latency
from todpack.eval.measures.latency import LatencySettings, measure_latency, measure_memory
from todpack.eval.process import Finished


@pytest.mark.thorough
def test_every_figure_and_its_conditions(tiny_archive: Path) -> None:
    done: list[tuple[int, int]] = []
    settings = LatencySettings(threads=1, provider="cpu", opens=2, frames=5, texels=7)
    report = measure_latency(tiny_archive, settings, lambda n, in_all, _: done.append((n, in_all)))
    written = json.loads(json.dumps(report.to_json(), allow_nan=False))
    for key in ("open_ms", "first_frame_ms", "frame_ms_median", "frame_ms_p95", "texel_us_median"):
        assert 0.0 < written[key] < 60_000.0
    assert report.frame_ms_p95 >= report.frame_ms_median
    assert (report.threads, report.n_opens, report.n_frames, report.n_texels) == (1, 2, 5, 7)
    assert report.provider == "cpu"
    assert done == [(1, 2), (2, 2)]
    assert "threads 1, provider cpu" in report.table()


def test_medians_and_percentile_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    size = {"height": 2, "width": 3, "provider": "cpu"}
    runs = iter(
        [
            {"open_ms": 5.0, "first_frame_ms": 1.0, "frame_ms": [], "texel_us": [], **size},
            {"open_ms": 90.0, "first_frame_ms": 3.0, "frame_ms": [], "texel_us": [], **size},
            {
                "open_ms": 7.0,
                "first_frame_ms": 2.0,
                "frame_ms": [float(i) for i in range(21)],
                "texel_us": [4.0, 9.0, 5.0],
                **size,
            },
        ]
    )
    asked: list[tuple[int, int]] = []

    def run(_module: str, words: list[str]) -> Finished:
        asked.append((int(words[-2]), int(words[-1])))
        return Finished(json.dumps(next(runs)), 1.0)

    monkeypatch.setattr(latency, "run_module", run)
    report = measure_latency("scene.tod", LatencySettings(opens=3, frames=21, texels=3))
    assert asked == [(0, 0), (0, 0), (21, 3)]
    assert (report.open_ms, report.first_frame_ms) == (7.0, 2.0)
    assert (report.frame_ms_median, report.frame_ms_p95, report.texel_us_median) == (10.0, 19.0, 5.0)
    assert report.threads == 2  # the default, as documented


def test_a_bad_archive_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    bad = tmp_path / "bad.tod"
    bad.write_bytes(b"not an archive, but long enough to hold a header" * 20)
    with pytest.raises(EvalError) as caught:
        measure_latency(bad, LatencySettings(opens=1))
    assert "bad.tod" in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_counts_below_1_are_refused() -> None:
    with pytest.raises(EvalError, match="at least 1 thread"):
        measure_latency("scene.tod", LatencySettings(frames=0))


def test_cpu_name_says_its_cores() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert cpu_name().endswith(f"{cores} cores")


def test_memory_of_a_fresh_process(tiny_archive: Path) -> None:
    memory = measure_memory(tiny_archive, 1)
    assert 10e6 < memory.imports_bytes < memory.decode_bytes + 5e6 < 2e9  # so small an archive adds less than noise


def test_memory_of_what_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "no.tod"
    path.write_bytes(b"nothing")
    with pytest.raises(EvalError, match=r"no\.tod: memory cannot be measured: .*no\.tod"):
        measure_memory(path, 1)
