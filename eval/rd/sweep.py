"""Sweeps of the families by the commands a user runs; repeated trainings become a mean and a deviation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from todpack.decompressor import open_archive

from ..errors import EvalError
from ..measures.metrics import bits_per_texel
from ..peers.run import PeerResults
from ..progress import Progress, silent
from ..report.findings import byte_budget
from ..trials import (
    ARCHIVE,
    MEASURES,
    Options,
    Result,
    Trial,
    TrialSettings,
    Value,
    mean_and_deviation,
    run_trials,
)  # fmt: skip


@dataclass(frozen=True)
class Sweep:
    """One curve.

    Attributes:
        name: In the legend.
        family: Model family.
        train: Options of `todpack train` that all its points share.
        stage: "train" or "pack": whose option is swept.
        option: Its name.
        values: What it takes.
        seeded: Whether repeated trainings differ (by `--seed`).
    """

    name: str
    family: str
    train: Options
    stage: str
    option: str
    values: tuple[Value, ...]
    seeded: bool = False

    def trials(self, repeats: int) -> list[list[Trial]]:
        """For each value, the trials that are averaged."""
        groups: list[list[Trial]] = []
        for value in self.values:
            group = []
            for seed in range(repeats if self.seeded else 1):
                stages: dict[str, Options] = {"train": dict(self.train), "pack": {}}
                stages[self.stage][self.option] = value
                if self.seeded:
                    stages["train"]["seed"] = seed
                group.append(Trial(self.family, stages["train"], stages["pack"]))
            groups.append(group)
        return groups


STEPS: tuple[Value, ...] = (8, 11, 16, 22, 30)
SWEEPS = (
    Sweep("daybasis", "daybasis", {"refine": "none"}, "train", "q-step", STEPS),
    Sweep("refined", "daybasis", {"refine": "fast"}, "train", "q-step", STEPS),
    Sweep("gridmlp", "gridmlp", {"preset": "fast"}, "train", "channels-per-level", (2, 4, 8), seeded=True),
    Sweep("siren", "siren", {"preset": "fast"}, "train", "latent-dim", (4, 8, 16), seeded=True),
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


def averaged(results: Sequence[Result]) -> dict[str, Any]:
    """Mean and deviation of each measure over repeated trainings.

    Args:
        results: Of `run_trial`, all of them with measures.

    Returns:
        `runs`, and for each measure `mean_and_deviation`, None where it is absent; `per_hour` of the first.
    """
    found: dict[str, Any] = {"runs": len(results), "per_hour": results[0]["measures"]["per_hour"]}
    for name in MEASURES:
        values = [result["measures"][name] for result in results]
        found[name] = None if None in values else mean_and_deviation(values)
    return found


def run_sweeps(
    sweeps: Sequence[Sweep], out: Path, settings: TrialSettings, repeats: int, progress: Progress = silent
) -> dict[str, Any]:
    """Run sweeps, one trial after another; finished trials of an earlier run are kept.

    Args:
        sweeps: Which.
        out: Folder; trials go to `out/trials`.
        settings: What all trials share.
        repeats: Trainings of each point of a family that depends on a seed.
        progress: Told of the trials.

    Returns:
        `curves`: name, family and points (`setting`, `budget` in bytes by kind, measures of `averaged`); `failed`: name
        and error of each trial that did not work.
    """
    planned = [(sweep, sweep.trials(repeats)) for sweep in sweeps]
    trials = [trial for _, groups in planned for group in groups for trial in group]
    results = iter(run_trials(trials, out / "trials", settings, progress))
    curves, failed = [], []
    for sweep, groups in planned:
        points = []
        for value, group in zip(sweep.values, groups, strict=True):
            setting, found = f"{sweep.option} {value}", [next(results) for _ in group]
            failed += [
                {"name": f"{sweep.name} {setting}", "error": r["error"]} for r in found if r["error"] is not None
            ]
            worked = [result for result in found if result["error"] is None]
            if worked:
                with open_archive(out / "trials" / worked[0]["name"] / ARCHIVE, provider="cpu") as archive:
                    budget = {part["kind"]: part["bytes"] for part in byte_budget(archive)}
                points.append({"setting": setting, "budget": budget, **averaged(worked)})
        if points:
            curves.append({"name": sweep.name, "family": sweep.family, "points": points})
    return {"curves": curves, "failed": failed}


def peer_curves(results: PeerResults, n_valid: int, n_frames: int) -> list[dict[str, Any]]:
    """Peers in the form of a sweep's curves; lossless points have no place on one.

    Args:
        results: With SSIM.
        n_valid: Valid texels.
        n_frames: T.
    """
    curves = []
    for peer in results.measured:
        points = []
        for point in results.curve(peer.name):
            measures = {
                "bytes": point.size_bytes,
                "bpt": bits_per_texel(point.size_bytes, n_valid, n_frames),
                "psnr_db": point.psnr_db,
                "ssim": point.ssim,
                "lpips": point.lpips,
                "frame_ms": point.decode_ms_per_frame,
            }
            found = {name: None if value is None else mean_and_deviation([value]) for name, value in measures.items()}
            if math.isfinite(point.psnr_db):
                points.append({"setting": point.setting, "runs": 1, **found})
        if points:
            curves.append({"name": peer.name, "family": "peer", "points": points})
    return curves
