"""kill -9: what was there stays, or the new output is there, whole; a training goes on to the same result."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.reliability.kills import KILLED, KILLED_WRITING
from tests.reliability.scenarios import (
    SWITCHES,
    TRAININGS,
    Scenario,
    World,
    content,
    scenarios,
    strays,
    units_of,
)

STRAY = re.compile(r"\.[^/]+\.([a-z0-9_]{8}\.part|todpack-new|todpack-old)(/.*)?")


class Case:
    """A scenario with its older and its newer output, made without being killed."""

    def __init__(self, world: World, name: str, folder: Path) -> None:
        self.world, self.name = world, name
        self.scenario: Scenario = scenarios(world)[name]
        self.state = folder / "old"
        world.reset(None)
        world.done(*self.scenario.make_old)
        shutil.copytree(world.live, self.state)
        self.old = units_of(self.scenario, world.live)
        outcome = world.forker.run(list(self.scenario.make_new))
        assert outcome.code == 0, outcome.output
        self.seconds, self.changes = outcome.seconds, outcome.changes
        self.new = units_of(self.scenario, world.live)
        assert self.old.keys() == self.new.keys()
        assert all(self.old[unit] != self.new[unit] for unit in self.old)
        assert strays(world.live) == []

    def kill(self, **how: float) -> bool:
        """Kill the command once, look at what is left, and finish; whether it was killed before its end."""
        world, words = self.world, list(self.scenario.make_new)
        world.reset(self.state)
        outcome = world.forker.run(words, **how)
        assert outcome.code in (KILLED, KILLED_WRITING, 0), outcome.output
        left = units_of(self.scenario, world.live)
        for unit, found in left.items():
            assert found is not None, f"{self.name} {how}: {unit} is gone"
            assert found in (self.old[unit], self.new[unit]), f"{self.name} {how}: {unit} is neither old nor new"
        for stray in strays(world.live):
            assert STRAY.fullmatch(stray.removeprefix("frames/")), stray
        if self.scenario.continued and (world.live / ".run.todpack-new" / "last.ckpt").exists():
            words[words.index("--overwrite")] = "--resume"
        world.done(*words)
        assert units_of(self.scenario, world.live) == self.new
        assert strays(world.live) == []
        return outcome.code != 0


NAMES = [
    "pack",
    "compress",
    "decompress",
    "submit build",
    "contest build",
    *(f"train {family}" for family in TRAININGS),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.thorough
def test_killed_command_leaves_the_old_or_the_new(world: World, tmp_path: Path, name: str) -> None:
    """Two kills of each command: before a change of the file system, and by the clock or in a write."""
    case, draw = Case(world, name, tmp_path), random.Random(name)
    assert case.kill(kill_before=draw.randint(2, case.changes))
    if name.startswith("train"):
        return
    if name in ("pack", "compress", "decompress"):
        assert case.kill(kill_beyond_bytes=draw.randint(40, 400))
    else:
        case.kill(kill_after_s=draw.uniform(0.3, 0.95) * case.seconds)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_killed_anywhere(world: World, tmp_path: Path, name: str) -> None:
    """Before every change of the file system (of a training: 27 of them), and by the clock, and in writes."""
    case, draw = Case(world, name, tmp_path), random.Random(f"{name} slow")
    points = list(range(1, case.changes + 1))
    if name.startswith("train"):  # the last ones put the new run in its place
        points = sorted({*draw.sample(points[:-15], 12), *points[-15:]})
    killed = sum(case.kill(kill_before=point) for point in points)
    assert killed == len(points)
    timed = sum(
        case.kill(kill_after_s=draw.uniform(0.0, 1.0) * case.seconds)
        for _ in range(5 if name.startswith("train") else 15)
    )
    writing = 0
    if not name.startswith("train"):
        writing = sum(case.kill(kill_beyond_bytes=draw.randint(1, 2000)) for _ in range(10))
    print(f"{name}: killed {killed} times before a change, {timed} by the clock, {writing} in a write; all whole")


def resumed(world: World, options: Sequence[str], kills: list[dict[str, float]], folder: Path) -> int:
    """Train, killed as often as said and resumed each time; compare with an uninterrupted training."""
    command = ["train", f"{world.inputs}/day", *options, "--quiet", "-o"]
    if not folder.exists():
        world.done(*command, str(folder))
    world.reset(None)
    run, killed = world.live / "run", 0
    for how in kills:
        outcome = world.forker.run([*command, str(run), "--resume"], **how)
        assert outcome.code in (KILLED, KILLED_WRITING, 0), outcome.output
        killed += outcome.code != 0
    world.done(*command, str(run), "--resume")
    assert content(run) == content(folder)
    assert strays(world.live) == []
    return killed


@pytest.mark.parametrize("family", TRAININGS)
@pytest.mark.thorough
def test_killed_training_resumes_bit_for_bit(world: World, tmp_path: Path, family: str) -> None:
    draw = random.Random(family)
    kills = [{"kill_before": draw.randint(20, 45)}, {"kill_before": draw.randint(8, 30)}]
    assert resumed(world, TRAININGS[family], kills, tmp_path / "whole") == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", {**TRAININGS, **SWITCHES})
def test_training_killed_many_times(world: World, tmp_path: Path, name: str) -> None:
    draw, killed = random.Random(f"{name} slow"), 0
    for _ in range(8):
        kills = [{"kill_before": draw.randint(1, 60)}, {"kill_after_s": draw.uniform(0.1, 0.8)}]
        killed += resumed(world, {**TRAININGS, **SWITCHES}[name], kills, tmp_path / "whole")
    assert killed >= 8
    print(f"{name}: killed {killed} times in 8 trainings, each resumed to the same bytes")
