"""Sweeps of the families by the commands a user runs; repeated trainings become a mean and a deviation."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from todpack.decompressor import open_archive

from ..errors import EvalError
from ..report.findings import byte_budget
from ..search.space import Value, Values
from ..trials import TrialSettings, run_trial

Progress = Callable[[int, int, str], None]
MEASURES = ("psnr_db", "ssim", "lpips", "bytes", "bpt", "frame_ms", "open_ms", "made_s")


@dataclass(frozen=True)
class Sweep:
    """One curve.

    Attributes:
        name: In the legend.
        family: Model family.
        train: Options of `todpack train` that all its points share.
        pack: Options of `todpack pack` that all its points share.
        stage: "train" or "pack": whose option is swept.
        option: Its name.
        values: What it takes.
        seeded: Whether repeated trainings differ (by `--seed`).
    """

    name: str
    family: str
    train: dict[str, Value]
    pack: dict[str, Value]
    stage: str
    option: str
    values: tuple[Value, ...]
    seeded: bool = False

    def trials(self, repeats: int) -> list[list[Values]]:
        """For each value, the trials that are averaged."""
        groups: list[list[Values]] = []
        for value in self.values:
            group: list[Values] = []
            for seed in range(repeats if self.seeded else 1):
                options: Values = {"train": dict(self.train), "pack": dict(self.pack)}
                options[self.stage][self.option] = value
                if self.seeded:
                    options["train"]["seed"] = seed
                group.append({"family": {"name": self.family}, **options})
            groups.append(group)
        return groups


STEPS: tuple[Value, ...] = (8, 11, 16, 22, 30)
SWEEPS = (
    Sweep("daybasis", "daybasis", {"refine": "none"}, {}, "train", "q-step", STEPS),
    Sweep("refined", "daybasis", {"refine": "fast"}, {}, "train", "q-step", STEPS),
    Sweep("gridmlp", "gridmlp", {"preset": "fast"}, {}, "train", "channels-per-level", (2, 4, 8), seeded=True),
    Sweep("siren", "siren", {"preset": "fast"}, {}, "train", "latent-dim", (4, 8, 16), seeded=True),
)


def chosen_sweeps(names: Sequence[str]) -> tuple[Sweep, ...]:
    """Sweeps by name.

    Raises:
        EvalError: there is no sweep of a name.
    """
    by_name = {sweep.name: sweep for sweep in SWEEPS}
    for name in names:
        if name not in by_name:
            raise EvalError(f"sweeps: expected some of {', '.join(by_name)}, found {name!r}")
    return tuple(by_name[name] for name in names)


def averaged(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and deviation of each measure over repeated trainings.

    Args:
        results: Of `run_trial`, all of them with measures.

    Returns:
        `runs`, and for each measure `mean` and `deviation` (sample standard deviation; 0 for one run), None where it is
        absent; `per_hour` of the first.
    """
    found: dict[str, Any] = {"runs": len(results), "per_hour": results[0]["measures"]["per_hour"]}
    for name in MEASURES:
        values = [result["measures"][name] for result in results]
        if any(value is None for value in values):
            found[name] = None
        else:
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            found[name] = {"mean": statistics.fmean(values), "deviation": spread}
    return found


def run_sweeps(
    sweeps: Sequence[Sweep], out: Path, settings: TrialSettings, repeats: int, on_trial: Progress | None = None
) -> dict[str, Any]:
    """Run sweeps, one trial after another; finished trials of an earlier run are kept.

    Args:
        sweeps: Which.
        out: Folder; trials go to `out/trials`.
        settings: What all trials share.
        repeats: Trainings of each point of a family that depends on a seed.
        on_trial: Called with (trials done, trials in all, what comes next).

    Returns:
        `curves`: name, family and points (`setting`, `budget` in bytes by kind, measures of `averaged`); `failed`: name
        and error of each trial that did not work.
    """
    planned = [(sweep, sweep.trials(repeats)) for sweep in sweeps]
    in_all = sum(len(group) for _, groups in planned for group in groups)
    done = 0
    curves, failed = [], []
    for sweep, groups in planned:
        points = []
        for value, group in zip(sweep.values, groups, strict=True):
            worked = []
            for values in group:
                if on_trial is not None:
                    on_trial(done, in_all, f"{sweep.name} {sweep.option} {value}")
                result = run_trial(values, out / "trials", settings)
                done += 1
                if result["measures"] is None:
                    failed.append({"name": f"{sweep.name} {sweep.option} {value}", "error": result["error"]})
                else:
                    worked.append(result)
            if worked:
                with open_archive(out / "trials" / worked[0]["name"] / "archive.tod", provider="cpu") as archive:
                    budget = {part["kind"]: part["bytes"] for part in byte_budget(archive)}
                points.append({"setting": f"{sweep.option} {value}", "budget": budget, **averaged(worked)})
        if points:
            curves.append({"name": sweep.name, "family": sweep.family, "points": points})
    return {"curves": curves, "failed": failed}
