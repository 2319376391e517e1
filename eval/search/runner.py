"""A search: draws trials from a space and runs them, on this machine or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from todpack.packer.dataset.workers import ATTEMPTS
from todpack.packer.ray_cluster import Call, Lost, ray_cluster

from ..deviation import mean_and_deviation
from ..errors import EvalError
from ..progress import Progress, silent
from ..trial import Trial, TrialSettings
from ..trial_result import MEASURES, Result
from ..trials import run_trial, run_trials
from .space import OptunaSampler, Space, drawn_trials


def score_of(measures: dict[str, Any] | None, weights: dict[str, float]) -> float | None:
    """Weighted sum of the measures; None for a failed trial or where a measure is absent."""
    if measures is None or any(measures[name] is None for name in weights):
        return None
    return float(sum(weight * measures[name] for name, weight in weights.items()))


def _run_ray(
    trials: Sequence[Trial], out: Path, settings: TrialSettings, per_gpu: float, n_workers: int, progress: Progress
) -> list[Result]:
    """Results in the order of the trials; one whose worker was lost too often is one that failed."""
    here = replace(settings, data=settings.data.absolute())
    if settings.lpips_weights is not None:
        here = replace(here, lpips_weights=settings.lpips_weights.absolute())
    needed = {"num_cpus": settings.threads, "num_gpus": per_gpu}
    calls = [Call(trial.name, (trial, out.absolute(), here), needed) for trial in trials]
    results: dict[str, Result] = {}
    with ray_cluster(n_workers * settings.threads) as cluster:
        for name, found in cluster.run(run_trial, list({call.key: call for call in calls}.values())):
            results[name] = found
            progress(len(results), len(calls), name)
    return [_lost(trial, results[trial.name]) for trial in trials]


def _lost(trial: Trial, found: Result | Lost) -> Result:
    if not isinstance(found, Lost):
        return found
    error = f"its worker was lost {ATTEMPTS} times ({found.reason})"
    return {"name": trial.name, "values": trial.values, "measures": None, "error": error, "resumed": False}


def _mean_of(trial: Trial, found: Sequence[Result]) -> Result:
    """One result of a trial's repeats: means in `measures`, `deviation` beside them; failed if one of them did."""
    failed = [result for result in found if result["measures"] is None]
    means: dict[str, Any] = {}
    deviations: dict[str, Any] = {}
    for name in MEASURES if not failed else ():
        values = [result["measures"][name] for result in found]
        both = mean_and_deviation(values) if None not in values else {"mean": None, "deviation": None}
        means[name], deviations[name] = both["mean"], both["deviation"]
    return {
        **found[0],
        "name": trial.name,
        "values": trial.values,
        "measures": None if failed else means,
        "deviation": deviations,
        "repeats": len(found),
        "error": failed[0]["error"] if failed else None,
        "resumed": all(result["resumed"] for result in found),
    }


def run_search(
    space: Space,
    out: Path,
    settings: TrialSettings,
    *,
    gpu_ids: Sequence[str] = (),
    num_workers: int = 1,
    engine: str = "local",
    repeats: int = 1,
    progress: Progress = silent,
) -> list[Result]:
    """Run all trials of a space.

    Args:
        space: What to try.
        out: Folder; each trial has one of its own in it.
        settings: What all trials share.
        gpu_ids: GPUs that the workers share out.
        num_workers: Workers; optuna is asked for as many trials at a time.
        engine: "local" or "ray" (the folder must then be shared by the cluster).
        repeats: Trainings of each trial of a family that has a seed, by seeds 0, 1, ...; of several, `measures` are the
            means, and `deviation` is there.

    Returns:
        One result per trial, each with its `score`.

    Raises:
        EvalError: the sampler and the engine do not go together.
        MissingPackageError: a package that one of them needs is missing.
    """
    drawn = [] if space.sampler == "optuna" else list({trial.name: trial for trial in drawn_trials(space)}.values())
    results: list[Result] = []
    trained, asked_for = 0, repeats * space.trials if space.sampler == "optuna" else 0

    def run(trials: Sequence[Trial]) -> list[Result]:
        nonlocal trained
        before, trained = trained, trained + len(trials)

        def told(done: int, in_all: int, name: str) -> None:
            progress(before + done, max(in_all, asked_for), name)

        if engine == "ray":
            return _run_ray(trials, out, settings, 1.0 if gpu_ids else 0.0, num_workers, told)
        return run_trials(trials, out, settings, told, n_workers=num_workers, gpu_ids=gpu_ids)

    def run_repeats(trials: Sequence[Trial]) -> list[Result]:
        if repeats == 1:
            return run(trials)
        each = [one.repeated(repeats) for one in trials]
        found = iter(run([training for group in each for training in group]))
        groups = [list(islice(found, len(group))) for group in each]
        return [_mean_of(one, group) if len(group) > 1 else group[0] for one, group in zip(trials, groups, strict=True)]

    if space.sampler == "optuna":
        if engine == "ray":
            raise EvalError("--engine ray: expected the sampler grid or random, found optuna, which runs here alone")
        sampler = OptunaSampler(space)
        while len(results) < space.trials:
            asked = [sampler.ask() for _ in range(min(num_workers, space.trials - len(results)))]
            batch = run_repeats([trial for _, trial in asked])
            for (handle, _), result in zip(asked, batch, strict=True):
                sampler.tell(handle, score_of(result["measures"], space.score))
            results += batch
    else:
        results = run_repeats(drawn)
    return [{**result, "score": score_of(result["measures"], space.score)} for result in results]
