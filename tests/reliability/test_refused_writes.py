"""Disk full, permission denied, Ctrl-C: one line, the right exit code, the old output, and nothing left over."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.kills import Outcome
from tests.reliability.scenarios import Scenario, World, scenarios, strays, units_of

NOBODY = 65534
NAMES = [
    "pack", "compress", "decompress", "submit build", "contest build", "train daybasis", "train gridmlp", "train siren",
]  # fmt: skip


def one_line(outcome: Outcome) -> str:
    """The one line about what went wrong; all other lines are notices of ours."""
    lines = outcome.output.strip().splitlines()
    assert all(line.startswith("todpack: ") for line in lines), outcome.output
    assert sum(line.startswith(("todpack: error: ", "todpack: interrupted")) for line in lines) == 1, outcome.output
    return lines[-1]


def disturbed(world: World, name: str, **how: float) -> tuple[Scenario, Outcome, str]:
    """Run a command over an older output, with something in its way; the older output must be as it was."""
    scenario = scenarios(world)[name]
    world.reset(None)
    world.done(*scenario.make_old)
    return refused(world, scenario, **how)


def refused(world: World, scenario: Scenario, **how: float) -> tuple[Scenario, Outcome, str]:
    before = units_of(scenario, world.live)
    outcome = world.forker.run(list(scenario.make_new), **how)
    assert outcome.code == 1, outcome.output
    assert units_of(scenario, world.live) == before
    # a training that was to replace a run can be resumed
    assert [s for s in strays(world.live) if not s.startswith(".run.todpack-new")] == []
    assert not any(s.endswith(".part") for s in strays(world.live))
    return scenario, outcome, one_line(outcome)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.thorough
def test_a_file_that_may_not_grow(world: World, name: str) -> None:
    """RLIMIT_FSIZE: a write in the middle of a file fails."""
    # of a training: the baseline fits, checkpoints do not
    _, _, line = disturbed(world, name, limit_bytes=2000 if name.startswith("train") else 100)
    assert line.endswith("cannot be written: File too large"), line


@pytest.mark.thorough
def test_a_large_checkpoint_that_does_not_fit(world: World) -> None:
    """Over torch's own buffers, where its writer does not hand the system's error on."""
    world.reset(None)
    command = ["train", f"{world.inputs}/day", "-o", f"{world.live}/run", "--family", "gridmlp", "--epochs", "1"]
    command += ["--grid-levels", "256", "--channels-per-level", "8", "--samples-per-epoch", "512", "--device", "cpu"]
    outcome = world.forker.run(command, limit_bytes=1 << 20)
    assert outcome.code == 1, outcome.output
    assert one_line(outcome) == f"todpack: error: {world.live}/run/last.ckpt: cannot be written: File too large"
    assert strays(world.live) == []


@pytest.fixture
def small_disk(world: World) -> Iterator[Path]:
    """A file system of 64 KiB as the folder of the outputs."""
    world.reset(None)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", world.live], capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield world.live
    finally:
        subprocess.run(["umount", world.live], check=True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.thorough
def test_a_full_disk(world: World, small_disk: Path, tmp_path: Path, name: str) -> None:
    """A real ENOSPC, then space, then the command again."""
    scenario = scenarios(world)[name]
    kept = tmp_path / "kept"
    kept.mkdir()
    world.done(*(word.replace(str(world.live), str(kept)) for word in scenario.make_old))
    if sum(f.stat().st_size for f in kept.rglob("*") if f.is_file()) > 40000:
        pytest.skip("does not fit twice on this disk")  # the bundles: 250 kB of decoder
    shutil.copytree(kept, small_disk, dirs_exist_ok=True)
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))
    _, _, line = refused(world, scenario)
    assert line.endswith("No space left on device"), line
    ballast.unlink()
    if name.startswith("train"):
        return  # two runs with their checkpoints do not fit
    world.done(*scenario.make_new)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.thorough
def test_no_permission(world: World, name: str) -> None:
    """As a user who may read the inputs and not write the outputs."""
    _, _, line = disturbed(world, name, user=NOBODY)
    assert "no permission in" in line or line.endswith("Permission denied"), line


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.thorough
def test_interrupted(world: World, name: str) -> None:
    """Ctrl-C at three moments: 130, one line, old or new."""
    scenario, draw = scenarios(world)[name], random.Random(name)
    world.reset(None)
    world.done(*scenario.make_old)
    old = units_of(scenario, world.live)
    world.done(*scenario.make_new)
    new = units_of(scenario, world.live)
    world.done(*scenario.make_old)
    for _ in range(3):
        outcome = world.forker.run(list(scenario.make_new), interrupt_after_s=draw.uniform(0.02, 0.1))
        assert outcome.code in (130, 0), outcome.output
        if outcome.code == 130:
            assert one_line(outcome) == "todpack: interrupted"
            assert [s for s in strays(world.live) if not s.startswith(".run.todpack-new")] == []
            left = units_of(scenario, world.live)
            assert all(found in (old[unit], new[unit]) for unit, found in left.items())


@pytest.mark.parametrize(
    "command",
    [
        ["eval", "score", "{w}/16.tod", "--data", "{w}/day", "--no-lpips"],
        ["eval", "latency", "{w}/16.tod", "--opens", "1", "--frames", "500"],
        ["inspect", "{w}/16.tod", "--image", "{live}/noon.png"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
@pytest.mark.thorough
def test_interrupted_reading(world: World, command: list[str]) -> None:
    words = [word.format(w=world.inputs, live=world.live) for word in command]
    codes = []
    for after_s in (0.01, 0.03, 0.06):
        outcome = world.forker.run(words, interrupt_after_s=after_s)
        codes.append(outcome.code)
        if outcome.code == 130:
            assert one_line(outcome) == "todpack: interrupted"
    assert set(codes) <= {0, 130}
    assert 130 in codes or command[1] != "latency"  # the others may be done before they are interrupted
