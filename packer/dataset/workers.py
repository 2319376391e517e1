"""Run jobs on processes of this machine: bounded by count and memory, a lost worker's job is run again."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from todpack.decompressor.errors import TodpackError
from todpack.decompressor.files import write_atomic

from .job import LightmapJob

ATTEMPTS = 3
MEMORY_SHARE = 0.8  # of what is free at the start
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


Do = Callable[[LightmapJob, Callable[[str], object]], bytes]
"""What is done for a job: gives the content of its file, and tells lines for the user."""


@dataclass(frozen=True)
class Task:
    """A job and the file its result goes to."""

    job: LightmapJob
    part: Path


def available_bytes() -> int:
    """Free memory of the machine."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return 4 << 30


def work(task: Task, results: Connection, do: Do) -> None:
    """Do a task in a process of its own; sends None or the message of a typed error, and lines for the user."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends this process
    warnings: list[str] = []
    failure = _failure(task, do, warnings.append)
    with contextlib.suppress(BrokenPipeError):  # the parent was killed: the finished part stays for the next run
        results.send((failure, warnings))


def _failure(task: Task, do: Do, on_warning: Callable[[str], object]) -> str | None:
    """Write the task's part; None, or the message of a typed error."""
    try:
        data = do(task.job, on_warning)
        write_atomic(task.part, lambda file: file.write(data), durable=True)
    except TodpackError as error:
        return f"{task.job.entry.name}: {error}"
    except MemoryError:
        return f"{task.job.entry.name}: not enough memory; use fewer --jobs or smaller --tile"
    return None


@contextlib.contextmanager
def quiet_children() -> Iterator[None]:
    """Signals wait: a process that is started meanwhile starts whole, and hears no Ctrl-C from its first moment."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    heard: list[int] = []
    handlers: dict[int, Any] = {}
    if (
        threading.current_thread() is threading.main_thread()
    ):  # the mask is this thread's alone; others may take a signal
        for number in (signal.SIGINT, signal.SIGTERM):
            handlers[number] = signal.signal(number, lambda number, _frame: heard.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for kind, handler in handlers.items():
            signal.signal(kind, handler)
        for kind in heard:
            signal.raise_signal(kind)


@contextlib.contextmanager
def _single_threads() -> Iterator[None]:
    """One BLAS thread in the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def run_local(
    tasks: Sequence[Task],
    n_jobs: int,
    on_done: Callable[[Task], None],
    do: Do = LightmapJob.encode,
    on_warning: Callable[[str], object] = lambda _line: None,
) -> list[str]:
    """Run tasks, each in a process of its own.

    Args:
        tasks: What to do.
        n_jobs: Processes at once; fewer where memory is short, but at least one.
        on_done: Called after each task that succeeded.
        do: What is done for each job; sent to the processes.
        on_warning: Called with each line for the user.

    Returns:
        One line for each task that failed: a typed error, or a worker lost ATTEMPTS times.
    """
    spawn = multiprocessing.get_context("spawn")
    budget = MEMORY_SHARE * available_bytes()
    waiting, attempts = list(tasks), dict.fromkeys(tasks, 0)
    running: dict[Connection, tuple[Task, Any]] = {}
    failures: list[str] = []
    try:
        while waiting or running:
            while waiting and len(running) < n_jobs:
                used = sum(task.job.memory_bytes for task, _ in running.values())
                if running and used + waiting[0].job.memory_bytes > budget:
                    break
                task = waiting.pop(0)
                attempts[task] += 1
                receiver, sender = spawn.Pipe(duplex=False)
                process = spawn.Process(target=work, args=(task, sender, do), daemon=True)
                with _single_threads(), quiet_children():
                    process.start()
                    running[receiver] = (task, process)
                sender.close()
            ready = set(wait(list(running)))
            for receiver in [one for one in running if one in ready]:
                task, process = running[receiver]
                try:
                    failure, warnings = receiver.recv()
                    for warning in warnings:
                        on_warning(warning)
                except EOFError:
                    process.join()
                    failure = f"{task.job.entry.name}: its worker was lost {ATTEMPTS} times (exit {process.exitcode})"
                    if attempts[task] < ATTEMPTS:
                        waiting.insert(0, task)
                        failure = ""
                process.join()
                receiver.close()
                del running[receiver]
                if failure is None:
                    on_done(task)
                elif failure:
                    failures.append(failure)
    finally:
        for _, process in running.values():
            process.terminate()
        for receiver, (_, process) in running.items():
            process.join()
            receiver.close()
    return failures
