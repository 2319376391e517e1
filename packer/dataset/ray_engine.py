"""Run jobs on a Ray cluster: they read the dataset and write their parts themselves, on a file system of all nodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from todpack.decompressor.container import MAJOR, MINOR

from ..ray_cluster import Call, Lost, ray_cluster
from .job import ENCODER_VERSION, LightmapJob
from .workers import ATTEMPTS, THREAD_VARIABLES, Do, Task, do_task

VERSIONS = (MAJOR, MINOR, ENCODER_VERSION)
SHARED_LAG_S = 60.0
"""A network's file system may show a new file so late on other machines."""
ONE_THREAD = {"env_vars": dict.fromkeys(THREAD_VARIABLES, "1")}


def do_remotely(task: Task, do: Do, versions: tuple[int, ...]) -> tuple[str | None, list[str]]:
    """Write a task's part; None or the message of a typed error, and lines for the user."""
    if versions != VERSIONS:
        return f"{task.job.entry.name}: expected version {versions} of the encoder on the node, found {VERSIONS}", []
    warnings: list[str] = []
    return do_task(task, do, warnings.append), warnings


def run_on_ray(
    tasks: Sequence[Task],
    n_jobs: int | None,
    on_done: Callable[[Task], None],
    do: Do = LightmapJob.encode,
    on_warning: Callable[[str], object] = lambda _line: None,
) -> list[str]:
    """Run tasks on the cluster that RAY_ADDRESS names, or on one of this machine that ends with them.

    Args:
        tasks: What to do; the dataset and the parts' folder are at the same paths on every node.
        n_jobs: Tasks at once; None takes all cores.
        on_done: Called after each task that succeeded.
        do: What is done for each job; sent to the nodes.
        on_warning: Called with each line for the user.

    Returns:
        One line for each task that failed.

    Raises:
        MissingPackageError: Ray is not installed.
        PackError: there is no cluster.
    """
    failures: list[str] = []
    finished: list[Task] = []
    with ray_cluster(n_jobs) as cluster:
        calls = [
            Call(
                task,
                (_anywhere(task), do, VERSIONS),
                {"num_cpus": 1, "memory": cluster.fitting(task.job.memory_bytes), "runtime_env": ONE_THREAD},
            )
            for task in sorted(tasks, key=lambda task: -task.job.values_bytes)
        ]
        for task, found in cluster.run(do_remotely, calls, n_jobs):
            if isinstance(found, Lost):
                failures.append(f"{task.job.entry.name}: its worker was lost {ATTEMPTS} times ({found.reason})")
                continue
            failure, warnings = found
            for warning in warnings:
                on_warning(warning)
            if failure is None:
                finished.append(task)
                on_done(task)
            else:
                failures.append(failure)
    return failures + [
        f"{part}: written on another machine, not seen here; expected a folder that all nodes share"
        for part in unseen([task.part for task in finished], SHARED_LAG_S)
    ]


def _anywhere(task: Task) -> Task:
    """With paths that hold in any working directory."""
    return Task(replace(task.job, dataset=task.job.dataset.absolute()), task.part.absolute())


def unseen(paths: Sequence[Path], within_s: float) -> list[Path]:
    """Those that do not come into sight in that time."""
    end = time.monotonic() + within_s
    while (missing := [path for path in paths if not path.is_file()]) and time.monotonic() < end:
        time.sleep(0.5)
    return missing
