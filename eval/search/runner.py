"""Trials side by side: a pool of workers on this machine, or a Ray cluster."""

from __future__ import annotations

import importlib
import queue
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from ..errors import EvalError
from ..trials import TrialSettings, run_trial, trial_name
from .space import OptunaSampler, Space, Values, drawn_trials

ENGINES = ("local", "ray")
Progress = Callable[[int, int, str], None]


def score_of(measures: dict[str, Any] | None, weights: dict[str, float]) -> float | None:
    """Weighted sum of the measures; None for a failed trial or where a measure is absent."""
    if measures is None or any(measures[name] is None for name in weights):
        return None
    return float(sum(weight * measures[name] for name, weight in weights.items()))


def run_local(
    trials: Iterable[Values],
    out: Path,
    settings: TrialSettings,
    gpu_ids: Sequence[str],
    num_workers: int,
    on_done: Callable[[dict[str, Any]], None],
) -> list[dict[str, Any]]:
    """Run trials by `num_workers` workers; worker i has GPU i modulo their number.

    Returns:
        Results in the order of the trials.
    """
    gpus: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    for i in range(num_workers):
        gpus.put(gpu_ids[i % len(gpu_ids)] if gpu_ids else None)

    def work(values: Values) -> dict[str, Any]:
        gpu = gpus.get()
        try:
            return run_trial(values, out, settings, gpu)
        finally:
            gpus.put(gpu)

    with ThreadPoolExecutor(num_workers) as pool:
        by_name: dict[str, Future[dict[str, Any]]] = {}  # a trial that is asked for twice runs once
        names = []
        for values in trials:
            names.append(trial_name(values))
            if names[-1] not in by_name:
                by_name[names[-1]] = pool.submit(work, values)
        try:
            waiting: set[Future[dict[str, Any]]] = set(by_name.values())
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for job in done:
                    on_done(job.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [by_name[name].result() for name in names]


def _run_ray(trials: Iterable[Values], out: Path, settings: TrialSettings, per_gpu: float) -> list[dict[str, Any]]:
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError as error:
        raise EvalError("--engine ray: the package ray is not installed (pip install todpack[ray])") from error
    ray.init(ignore_reinit_error=True, log_to_driver=False)
    remote = ray.remote(run_trial).options(num_cpus=settings.threads, num_gpus=per_gpu)
    results: list[dict[str, Any]] = ray.get([remote.remote(values, out.resolve(), settings) for values in trials])
    return results


def run_search(
    space: Space,
    out: Path,
    settings: TrialSettings,
    *,
    gpu_ids: Sequence[str] = (),
    num_workers: int = 1,
    engine: str = "local",
    on_trial: Progress | None = None,
) -> list[dict[str, Any]]:
    """Run all trials of a space.

    Args:
        space: What to try.
        out: Folder; each trial has one of its own in it.
        settings: What all trials share.
        gpu_ids: GPUs that the workers share out.
        num_workers: Workers; optuna is asked for as many trials at a time.
        engine: "local" or "ray" (the folder must then be shared by the cluster).
        on_trial: Called with (trials done, trials in all, the last one's name).

    Returns:
        One result per trial, see `run_trial`, each with its `score`.

    Raises:
        EvalError: a package that the sampler or the engine needs is missing, or the two do not go together.
    """
    finished = 0
    in_all = space.trials

    def done(result: dict[str, Any]) -> None:
        nonlocal finished
        finished += 1
        if on_trial is not None:
            on_trial(finished, in_all, result["name"])

    results: list[dict[str, Any]] = []
    if space.sampler == "optuna" and engine == "ray":
        raise EvalError("--engine ray: expected the sampler grid or random, found optuna, which runs on this machine")
    if space.sampler == "optuna":
        sampler = OptunaSampler(space)
        while len(results) < space.trials:
            asked = [sampler.ask() for _ in range(min(num_workers, space.trials - len(results)))]
            batch = run_local([values for _, values in asked], out, settings, gpu_ids, num_workers, done)
            for (handle, _), result in zip(asked, batch, strict=True):
                sampler.tell(handle, score_of(result["measures"], space.score))
            results += batch
    else:
        trials = list({trial_name(values): values for values in drawn_trials(space)}.values())
        in_all = len(trials)
        if engine == "ray":
            results = _run_ray(trials, out, settings, 1.0 if gpu_ids else 0.0)
        else:
            results = run_local(trials, out, settings, gpu_ids, num_workers, done)
    return [{**result, "score": score_of(result["measures"], space.score)} for result in results]
