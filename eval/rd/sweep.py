"""Sweeps of the families by the commands a user runs; repeated trainings become a mean and a deviation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from todpack.decompressor import open_archive
from todpack.frames import Day

from ..archive import archive_point, byte_budget, decode_day, warn_of_difference
from ..deviation import mean_and_deviation
from ..errors import EvalError
from ..measures.frames import day_frames
from ..measures.perceptual import Lpips, LpipsAbsent
from ..measures.score import score_frames
from ..peers.run import PeerResults
from ..progress import Progress, silent
from ..tables import finite
from ..trial import SEEDED_FAMILIES, Options, Trial, TrialSettings, Value
from ..trial_result import ARCHIVE, MEASURES, Result
from ..trials import run_trials


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
    """

    name: str
    family: str
    train: Options
    stage: str
    option: str
    values: tuple[Value, ...]

    def trials(self, value: Value, repeats: int) -> list[Trial]:
        """The trials that are averaged for one value."""
        swept = {self.option: value}
        train, pack = ({**self.train, **swept}, {}) if self.stage == "train" else (self.train, swept)
        return Trial(self.family, train, pack).repeated(repeats)


STEPS: tuple[Value, ...] = (8, 11, 16, 22, 30)
SWEEPS = (
    Sweep("daybasis", "daybasis", {"refine": "none"}, "train", "q-step", STEPS),
    Sweep("refined", "daybasis", {"refine": "fast"}, "train", "q-step", STEPS),
    Sweep("gridmlp", "gridmlp", {"preset": "fast"}, "train", "channels-per-level", (2, 4, 8)),
    Sweep("siren", "siren", {"preset": "fast"}, "train", "latent-dim", (4, 8, 16)),
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


def with_training(sweeps: Sequence[Sweep], preset: str, epochs: int | None) -> tuple[Sweep, ...]:
    """Sweeps whose neural families are trained by a preset, for so many epochs or the preset's."""
    more: Options = {"preset": preset, **({} if epochs is None else {"epochs": epochs})}
    return tuple(replace(one, train={**one.train, **more}) if one.family in SEEDED_FAMILIES else one for one in sweeps)


def averaged(results: Sequence[Result]) -> dict[str, Any]:
    """Mean and deviation of each measure over repeated trainings.

    Args:
        results: Of `run_trial`, all of them with measures.

    Returns:
        `runs`, and for each measure `mean_and_deviation`, None where it is absent; `per_hour` of the first.
    """
    averages: dict[str, Any] = {"runs": len(results), "per_hour": results[0]["measures"]["per_hour"]}
    for name in MEASURES:
        values = [result["measures"][name] for result in results]
        averages[name] = None if None in values else mean_and_deviation(values)
    return averages


def run_sweeps(
    sweeps: Sequence[Sweep], out: Path, settings: TrialSettings, repeats: int, progress: Progress = silent
) -> dict[str, Any]:
    """Run sweeps, one trial after another; finished trials of an earlier run are kept.

    Args:
        sweeps: Which.
        out: Folder; trials go to `out/trials`.
        settings: What all trials share.
        repeats: Trainings of each point of a family that depends on a seed.

    Returns:
        `curves`: name, family and points (`setting`, `budget` in bytes by kind, measures of `averaged`); `failed`: name
        and error of each trial that did not work.
    """
    planned = [(sweep, value, sweep.trials(value, repeats)) for sweep in sweeps for value in sweep.values]
    trials = [trial for *_, group in planned for trial in group]
    results = iter(run_trials(trials, out / "trials", settings, progress))
    failed: list[dict[str, Any]] = []
    points: dict[str, list[dict[str, Any]]] = {sweep.name: [] for sweep in sweeps}
    for sweep, value, group in planned:
        setting, repeated = f"{sweep.option} {value}", [next(results) for _ in group]
        failed += [{"name": f"{sweep.name} {setting}", "error": r["error"]} for r in repeated if r["error"] is not None]
        worked = [result for result in repeated if result["error"] is None]
        if worked:
            with open_archive(out / "trials" / worked[0]["name"] / ARCHIVE, provider="cpu") as archive:
                budget = {part["kind"]: part["bytes"] for part in byte_budget(archive)}
            points[sweep.name].append({"setting": setting, "budget": budget, **averaged(worked)})
    curves = [{"name": s.name, "family": s.family, "points": points[s.name]} for s in sweeps if points[s.name]]
    return {"curves": curves, "failed": failed}


def archive_curves(
    archives: Mapping[str, Sequence[Path]],
    day: Day,
    lpips: Lpips | LpipsAbsent,
    threads: int,
    on_warning: Callable[[str], object],
    lightmap: str | None = None,
) -> list[dict[str, Any]]:
    """Ready archives as curves, a point for each file; `on_warning` is told where one is of other times or texels.

    Raises:
        TodpackError: An archive cannot be read, or is of other frames.
    """
    curves = []
    for name, paths in archives.items():
        points = []
        for path in paths:
            point = archive_point(path, day, name=name, setting=path.name, lightmap=lightmap, threads=threads)
            with open_archive(path, threads=threads, provider="cpu") as archive:
                decoded, stored = decode_day(archive, day, str(path), lightmap if len(archive.lightmaps) > 1 else None)
                warn_of_difference(stored, day, lambda line, path=path: on_warning(f"{path}: {line}"))  # type: ignore[misc]
                index = archive.lightmaps.index(stored)
                budget = {part["kind"]: part["bytes"] for part in byte_budget(archive, index)}
            score = score_frames(
                day_frames(day), decoded, day.valid, day.hours, archive_bytes=point.size_bytes, lpips=lpips
            )
            measures = {
                "bytes": score.archive_bytes,
                "bpt": score.bpt,
                "psnr_db": finite(score.psnr_db),
                "ssim": finite(score.ssim),
                "lpips": score.lpips,
                "frame_ms": point.decode_ms_per_frame,
            }
            averages = {key: None if value is None else mean_and_deviation([value]) for key, value in measures.items()}
            per_hour = score.to_json()["per_hour"]
            points.append({"setting": path.name, "runs": 1, "budget": budget, "per_hour": per_hour, **averages})
        curves.append({"name": name, "family": "archive", "points": points})
    return curves


def peer_curves(results: PeerResults) -> list[dict[str, Any]]:
    """Peers in the form of a sweep's curves; lossless points have no place on one."""
    curves = []
    for peer in results.measured:
        points = []
        for point in results.curve(peer.name):
            measures = {
                "bytes": point.size_bytes,
                "bpt": point.bpt(results.n_valid, results.n_frames),
                "psnr_db": point.psnr_db,
                "ssim": point.ssim,
                "lpips": point.lpips,
                "frame_ms": point.decode_ms_per_frame,
            }
            averages = {
                name: None if value is None else mean_and_deviation([value]) for name, value in measures.items()
            }
            if math.isfinite(point.psnr_db):
                points.append({"setting": point.setting, "runs": 1, **averages})
        if points:
            curves.append({"name": peer.name, "family": "peer", "points": points})
    return curves
