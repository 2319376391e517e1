"""A plan before the work, and the time that is left."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tests.conftest import make_day, write_day
from tests.contest_data import micro_dataset
from todpack.cli import main
from todpack.packer.dataset.estimate import LevelClock, plan_of, work_s
from todpack.packer.dataset.job import LightmapJob
from todpack.packer.dataset.workers import Task
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.progress import ProgressLine


@dataclass(frozen=True)
class Entry:
    """A lightmap of 26 hours."""

    name: str
    width: int
    height: int
    hours: tuple[float, ...]
    transfer: str = "linear"


def job_of(side: int, target: float | None = None) -> LightmapJob:
    entry = Entry(f"L_{side}", side, side, tuple(n / 2 for n in range(26)))
    return LightmapJob(Path(), cast(Any, entry), DayBasisConfig(), DayBasisPackOptions(), target)


def test_the_plan_is_bounded_by_the_largest_lightmap(tmp_path: Path) -> None:
    plan = plan_of([job_of(4096), job_of(64)], tmp_path / "a.tod", 8, n_kept=3)
    assert plan.n_lightmaps == 5
    assert plan.n_jobs == 2
    assert plan.seconds == pytest.approx(work_s(job_of(4096)), rel=0.01)
    assert plan.memory_bytes >= min(job_of(4096).memory_bytes, plan.memory_limit_bytes)
    assert re.fullmatch(
        r"5 lightmaps \(3 are finished\), 16\.8 million texels at 26 times: about 9 min with 2 processes, "
        r"up to [0-9.]+ GB of memory, about 76\.[0-9] MB of disk \([0-9.]+ [MG]B free\)",
        plan.line(),
    )
    assert work_s(job_of(512, 55.0)) > 2 * work_s(job_of(512))


def test_a_day_whose_tiles_are_not_kept_takes_less_memory_for_each_value() -> None:
    kept, read_again = job_of(1024), job_of(2048)
    assert kept.memory_bytes > 60 * kept.values_bytes / 4
    assert 8 * read_again.values_bytes / 4 < read_again.memory_bytes < 10 * read_again.values_bytes / 4


@pytest.mark.parametrize("slowness", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("sides", [[512] * 40, [2048, *[1024] * 4, *np.linspace(64, 512, 60).astype(int)]])
def test_the_time_left_is_right_after_a_tenth(sides: list[int], slowness: float) -> None:
    """Two processes, the largest first, as `run_local` goes; the machine is slower or faster than the guess."""
    clock_s, n_jobs = [0.0], 2
    tasks = [Task(job_of(int(side)), Path(f"{n}")) for n, side in enumerate(sorted(sides, reverse=True))]
    clock = LevelClock(tasks, n_jobs, lambda: clock_s[0])
    noise = np.random.default_rng(0).uniform(0.9, 1.1, len(tasks))
    takes_s = {task: slowness * work_s(task.job) * n for task, n in zip(tasks, noise, strict=True)}
    waiting, running, said = list(tasks), dict[Task, float](), list[tuple[float, float]]()
    while waiting or running:
        while waiting and len(running) < n_jobs:
            running[waiting[0]] = clock_s[0] + takes_s[waiting[0]]
            clock.start(waiting.pop(0))
        said.append((clock_s[0], clock.left_s()))
        task = min(running, key=lambda one: running[one])
        clock_s[0] = running.pop(task)
        clock.finish(task)
    whole_s = clock_s[0]
    late = [(at, left) for at, left in said if 0.1 * whole_s <= at <= 0.9 * whole_s]
    assert len(late) > 5
    assert all(abs(left - (whole_s - at)) < 0.25 * (whole_s - at) for at, left in late)


def test_a_line_takes_the_time_left_from_elsewhere() -> None:
    line = ProgressLine("compress", "lightmap", 9, quiet=True, left_s=lambda: 83.0)
    assert line.line().endswith("1:23 left")


def test_dry_run_says_the_plan_and_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    micro_dataset(tmp_path / "set")
    frames, valid = make_day(20, 24, 24)
    write_day(tmp_path / "day", frames, valid)
    for source, text in (("set", "3 lightmaps, 2496 texels at 26"), ("day", "1 lightmap, 480 texels at 24")):
        assert main(["compress", str(tmp_path / source), "-o", str(tmp_path / "a.tod"), "--dry-run"]) == 0
        assert capsys.readouterr().out.startswith(text)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["day", "set"]


@pytest.mark.thorough
def test_the_worst_lightmaps_come_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    micro_dataset(tmp_path / "set")
    assert main(["compress", str(tmp_path / "set"), "-o", str(tmp_path / "a.tod"), "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["lightmap", "size", "bytes", "bits", "a", "texel", "and", "time"]
    bits = [float(line.split()[-1]) for line in lines[1:4]]
    assert bits == sorted(bits, reverse=True)
    assert {line.split()[0] for line in lines[1:4]} == {"L_A_0", "L_A_1", "L_B_0"}
    assert lines[4].startswith(str(tmp_path / "a.tod"))
