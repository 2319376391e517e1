"""Timing an archive in fresh processes: what is reported, not how fast it is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from todpack.eval.errors import EvalError
from todpack.eval.machine import cpu_name
from todpack.eval.measures import latency
from todpack.eval.measures.latency import measure_latency


def test_every_figure_and_its_conditions(tiny_archive: Path) -> None:
    done: list[tuple[int, int]] = []
    report = measure_latency(
        tiny_archive,
        threads=1,
        provider="cpu",
        n_opens=2,
        n_frames=5,
        n_texels=7,
        on_run=lambda n, in_all: done.append((n, in_all)),
    )
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

    def run(_archive: Path, _threads: int, _provider: str, n_frames: int, n_texels: int) -> object:
        asked.append((n_frames, n_texels))
        return next(runs)

    monkeypatch.setattr(latency, "_run_probe", run)
    report = measure_latency("scene.tod", n_opens=3, n_frames=21, n_texels=3)
    assert asked == [(0, 0), (0, 0), (21, 3)]
    assert (report.open_ms, report.first_frame_ms) == (7.0, 2.0)
    assert (report.frame_ms_median, report.frame_ms_p95, report.texel_us_median) == (10.0, 19.0, 5.0)
    assert report.threads == 2  # the default, as documented


def test_a_bad_archive_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    bad = tmp_path / "bad.tod"
    bad.write_bytes(b"not an archive, but long enough to hold a header" * 20)
    with pytest.raises(EvalError) as caught:
        measure_latency(bad, n_opens=1)
    assert "bad.tod" in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_counts_below_1_are_refused() -> None:
    with pytest.raises(EvalError, match="at least 1 thread"):
        measure_latency("scene.tod", n_frames=0)


def test_cpu_name_says_its_cores() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert cpu_name().endswith(f"{cores} cores")
