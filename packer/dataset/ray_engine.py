"""Run jobs on a Ray cluster; the dataset's folder must be readable at the same path on every node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import BinaryIO

from todpack.decompressor.errors import TodpackError
from todpack.decompressor.files import write_atomic

from ..errors import PackError
from .job import LightmapJob
from .workers import ATTEMPTS, THREAD_VARIABLES, Task


def encode_remotely(job: LightmapJob) -> tuple[bytes | str, list[str]]:
    """The archive of a lightmap, or the message of a typed error; lines for the user."""
    warnings: list[str] = []
    try:
        return job.encode(warnings.append), warnings
    except TodpackError as error:
        return f"{job.entry.name}: {error}", warnings


def _write(data: bytes, file: BinaryIO) -> None:
    file.write(data)


def run_on_ray(
    tasks: Sequence[Task],
    n_jobs: int | None,
    on_done: Callable[[Task], None],
    on_warning: Callable[[str], object] = lambda _line: None,
) -> list[str]:
    """Run tasks on the cluster that RAY_ADDRESS names, or on a local one that is started and stopped.

    Args:
        tasks: What to do; their results come back and are written here.
        n_jobs: Tasks at once on a local Ray; None takes its cores.
        on_done: Called after each task that succeeded.
        on_warning: Called with each line for the user.

    Returns:
        One line for each task that failed.

    Raises:
        PackError: Ray is not installed.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise PackError(f"--engine ray needs {error.name}: pip install 'todpack[ray]'") from error
    started = not ray.is_initialized()
    if started:
        ray.init(num_cpus=n_jobs, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        remote = ray.remote(
            max_retries=ATTEMPTS - 1, num_cpus=1, runtime_env={"env_vars": dict.fromkeys(THREAD_VARIABLES, "1")}
        )(encode_remotely)
        pending = {remote.options(memory=task.job.memory_bytes).remote(task.job): task for task in tasks}
        failures: list[str] = []
        while pending:
            done, _ = ray.wait(list(pending))
            task = pending.pop(done[0])
            try:
                found, warnings = ray.get(done[0])
            except ray.exceptions.RayError as error:
                warnings = []
                found = f"{task.job.entry.name}: its worker was lost {ATTEMPTS} times ({type(error).__name__})"
            for warning in warnings:
                on_warning(warning)
            if isinstance(found, str):
                failures.append(found)
                continue
            write_atomic(task.part, partial(_write, bytes(found)), durable=True)
            on_done(task)
        return failures
    finally:
        if started:
            ray.shutdown()
