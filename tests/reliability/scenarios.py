"""Commands that replace an older output, and how to tell the old, the new, and anything else apart."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import make_day, write_day
from tests.contest_data import make_radiance, write_dataset
from tests.packer.micro_run import write_micro_run
from tests.reliability.kills import Forker
from todpack.trainer.run_folder import MARK_NAME

NEURAL = [
    "--epochs", "4", "--samples-per-epoch", "2048", "--batch-size", "512", "--device", "cpu", "--time-harmonics", "2",
]  # fmt: skip
TRAININGS = {
    "daybasis": ["--equal-db"],
    "gridmlp": [
        "--family", "gridmlp", "--grid-levels", "4,8", "--channels-per-level", "2", "--hidden", "8", "--layers", "1",
        "--qat", "--qat-epochs", "2", *NEURAL,
    ],
    "siren": [
        "--family", "siren", "--latent-dim", "4", "--hidden-f1", "8", "--layers-f1", "1", "--hidden-f2", "8",
        "--layers-f2", "1", *NEURAL,
    ],
}  # fmt: skip
SWITCHES = {
    "daybasis temporal": ("--temporal-loss",),
    "gridmlp hash film": (
        *TRAININGS["gridmlp"], "--hash-top-levels", "1", "--hash-capacity", "64", "--hash-epochs", "1", "--film",
        "--temporal-loss",
    ),
    "gridmlp patches": (*TRAININGS["gridmlp"], "--patch-size", "16", "--loss-ssim-w", "0.1"),
    "gridmlp encoder": (*TRAININGS["gridmlp"], "--use-baseline-encoder", "--ptq", "percentile", "--patience", "3"),
    "siren residual": (*TRAININGS["siren"], "--residual-mode", "--compute-latent"),
}  # fmt: skip
"""More of what a checkpoint must hold."""
OLDER = {"daybasis": ["--q-step", "40", "--refine", "none"], "gridmlp": ["--seed", "5"], "siren": ["--seed", "5"]}


@dataclass(frozen=True)
class World:
    """Inputs, made once.

    Attributes:
        inputs: Folder with `day`, `mrun` and archives.
        live: Folder that outputs go to.
        forker: Runs commands.
    """

    inputs: Path
    live: Path
    forker: Forker

    def done(self, *words: str) -> None:
        """Run a command that must succeed."""
        outcome = self.forker.run(list(words))
        assert outcome.code == 0, outcome.output

    def reset(self, state: Path | None) -> None:
        """Let the outputs be those of a state, or none."""
        shutil.rmtree(self.live, ignore_errors=True)
        if state is None:
            self.live.mkdir()
        else:
            shutil.copytree(state, self.live)


@dataclass(frozen=True)
class Scenario:
    """A command over an older output.

    Attributes:
        make_old: Words of the command that made the older output.
        make_new: Words of the command that is killed.
        units: Of the outputs, those that must be old or new each by itself; "*/x" stands for all in a folder.
        continued: Words that are added where a killed training can go on.
    """

    make_old: tuple[str, ...]
    make_new: tuple[str, ...]
    units: tuple[str, ...]
    continued: bool = False


def make_world(folder: Path, forker: Forker) -> World:
    """Write the inputs."""
    world = World(folder / "inputs", folder / "live", forker)
    world.inputs.mkdir()
    world.live.mkdir()
    write_day(world.inputs / "day", *make_day(16, 16, 4))
    write_micro_run(world.inputs / "mrun")
    write_dataset(world.inputs / "level", {("L", 0): make_radiance(8, 8)})
    for step in ("16", "40"):
        world.done("compress", f"{world.inputs}/day", "-o", f"{world.inputs}/{step}.tod", "--q-step", step)
        linear = f"{world.inputs}/linear{step}.tod"
        world.done("compress", f"{world.inputs}/level", "-o", linear, "--q-step", step, "--lightmap", "L_0")
    return world


def scenarios(world: World) -> dict[str, Scenario]:
    """All of them, by name."""
    inputs, live = str(world.inputs), str(world.live)

    def pair(units: tuple[str, ...], make: Callable[[str], list[str]]) -> Scenario:
        return Scenario(tuple(make("40")), tuple(make("16")), units)

    found = {
        "pack": Scenario(
            ("pack", f"{inputs}/mrun", "-o", f"{live}/a.tod", "--mlp-dtype", "fp32"),
            ("pack", f"{inputs}/mrun", "-o", f"{live}/a.tod"),
            ("a.tod",),
        ),
        "compress": pair(("a.tod",), lambda q: ["compress", f"{inputs}/day", "-o", f"{live}/a.tod", "--q-step", q]),
        "decompress": pair(("frames/*",), lambda q: ["decompress", f"{inputs}/{q}.tod", "-o", f"{live}/frames", "-q"]),
        "submit build": pair(
            ("sub", "sub.zip"), lambda q: ["submit", "build", f"{inputs}/{q}.tod", "-o", f"{live}/sub", "--overwrite"]
        ),
        "contest build": pair(
            ("sub",),
            lambda q: ["submit", "build", f"{inputs}/linear{q}.tod", "-o", f"{live}/sub", "--overwrite",
                       "--layout", "contest"],
        ),
    }  # fmt: skip
    for family, options in TRAININGS.items():
        command = ("train", f"{inputs}/day", "-o", f"{live}/run", *options, "--quiet", "--overwrite")
        older = ("--family", family, *OLDER[family])
        found[f"train {family}"] = Scenario(
            (*command, *older) if family != "daybasis" else (*command[:4], *older, "--overwrite"),
            command,
            ("run",),
            continued=True,
        )
    return found


def _without_seconds(name: str, data: bytes) -> bytes:
    """Content of a run's file, but for the times in it."""
    if name == "config.json":
        record = json.loads(data)
        record.get("figures", {}).pop("train_seconds", None)
        return json.dumps(record, sort_keys=True).encode()
    if name == "log.csv":
        rows = [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(io.StringIO(data.decode()))]
        return json.dumps(rows).encode()
    return data


def content(path: Path) -> dict[str, str] | None:
    """Digest of each file of an output; None where nothing is.

    Times are left out, checkpoints (which hold times), and the empty mark that a kill in the very end leaves.
    """
    if not path.exists():
        return None
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file())
    return {
        file.relative_to(path).as_posix(): hashlib.sha256(_without_seconds(file.name, file.read_bytes())).hexdigest()
        for file in files
        if file.suffix != ".ckpt" and file.name != MARK_NAME
    }


def units_of(scenario: Scenario, folder: Path) -> dict[str, dict[str, str] | None]:
    """Content of each unit by its name."""
    found: dict[str, dict[str, str] | None] = {}
    for unit in scenario.units:
        if unit.endswith("/*"):
            names = sorted(f.name for f in (folder / unit[:-2]).glob("[!.]*"))
            found |= {f"{unit[:-1]}{name}": content(folder / unit[:-1] / name) for name in names}
        else:
            found[unit] = content(folder / unit)
    return found


def strays(folder: Path) -> list[str]:
    """Hidden files and folders, which only a killed command leaves."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(".*"))
