"""Run jobs on processes of this machine: bounded by count and memory, a lost worker's job is run again."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from todpack.decompressor.errors import TodpackError
from todpack.decompressor.files import write_atomic

from .job import LightmapJob

ATTEMPTS = 3
MEMORY_SHARE = 0.8  # of what is free at the start
KEPT_BYTES = 1 << 30
"""A process that did a task of more memory than this ends, so that what it does not give back is not counted twice."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
SAFE_PATH = "PYTHONSAFEPATH"
"""Variable by which Python, from 3.11 on, does not look for modules in the current folder, where anything may lie."""


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


def serve(tasks: Connection, do: Do) -> None:
    """Do tasks in a process of its own, one after another, until the other end is closed.

    To each the answer is None or the message of a typed error, and lines for the user.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends this process
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):  # the parent was killed: finished parts stay for the next run
        while True:
            task, warnings = tasks.recv(), list[str]()
            failure = do_task(task, do, warnings.append)
            tasks.send((failure, warnings))


def _end_with_parent() -> None:
    """End this process when its parent is gone: nobody waits for what it does any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def do_task(task: Task, do: Do, on_warning: Callable[[str], object]) -> str | None:
    """Write the task's part; None, or the message of a typed error."""
    try:
        data = do(task.job, on_warning)
        write_atomic(task.part, lambda file: file.write(data), durable=True)
    except TodpackError as error:
        return f"{task.job.entry.name}: {error}"
    except MemoryError:
        return f"{task.job.entry.name}: not enough memory; use fewer --jobs or smaller --tile"
    except OSError as error:
        where = error.filename or f"temporary files in {tempfile.gettempdir()}"
        return f"{task.job.entry.name}: {where}: {error.strerror or error}"
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
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            handlers[number] = signal.signal(number, lambda number, _frame: heard.append(number))
    resource_tracker.ensure_running()  # the first process starts it, and that lets SIGINT through again
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
def _workers_environment() -> Iterator[None]:
    """For processes that are started meanwhile: one BLAS thread, and no modules of the current folder."""
    changes = dict.fromkeys((*THREAD_VARIABLES, SAFE_PATH), "1")
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Processes that are started meanwhile do not run the caller's script again: what they do is in modules."""
    main = sys.modules["__main__"]
    before = {name: value for name, value in vars(main).items() if name in ("__file__", "__spec__")}
    vars(main).update(dict.fromkeys(before))
    try:
        yield
    finally:
        vars(main).update(before)


class _Worker:
    """A process that does tasks; Python and the libraries start once, not for every lightmap."""

    def __init__(self, do: Do) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, do), daemon=True)
        self.task: Task | None = None
        with _without_main():
            self.process.start()
        other.close()

    def give(self, task: Task) -> None:
        """Let it do a task."""
        self.task = task
        with contextlib.suppress(OSError):  # it was lost while it had nothing to do: the answer is the end of the pipe
            self.connection.send(task)

    def end(self, *, at_once: bool = False) -> None:
        """End the process, after what it does unless `at_once`."""
        if at_once:
            self.process.terminate()
        self.connection.close()
        self.process.join()


def run_local(
    tasks: Sequence[Task],
    n_jobs: int,
    on_done: Callable[[Task], None],
    do: Do = LightmapJob.encode,
    on_warning: Callable[[str], object] = lambda _line: None,
    on_start: Callable[[Task], object] = lambda _task: None,
    until: float = math.inf,
) -> list[str]:
    """Run tasks in processes, the largest first.

    Args:
        tasks: What to do.
        n_jobs: Processes at once; fewer where memory is short, but at least one.
        on_done: Called after each task that succeeded.
        do: What is done for each job; sent to the processes.
        on_warning: Called with each line for the user.
        on_start: Called when a process begins with a task.
        until: Moment of `time.monotonic` at which tasks that are not done are given up.

    Returns:
        One line for each task that failed: a typed error, or a worker lost ATTEMPTS times.
    """
    budget = MEMORY_SHARE * available_bytes()
    waiting, attempts = sorted(tasks, key=lambda task: -task.job.values_bytes), dict.fromkeys(tasks, 0)
    busy: dict[Connection, _Worker] = {}
    idle: list[_Worker] = []
    failures: list[str] = []
    try:
        while (waiting or busy) and time.monotonic() < until:
            while waiting and len(busy) < n_jobs:
                used = sum(worker.task.job.memory_bytes for worker in busy.values() if worker.task is not None)
                if busy and used + waiting[0].job.memory_bytes > budget:
                    break
                with _workers_environment(), quiet_children():  # it is among the busy ones before a signal is heard
                    worker = idle.pop() if idle else _Worker(do)
                    busy[worker.connection] = worker
                attempts[waiting[0]] += 1
                on_start(waiting[0])
                worker.give(waiting.pop(0))
            ready = set(wait(list(busy), None if until == math.inf else max(0.0, until - time.monotonic())))
            for connection in [one for one in busy if one in ready]:
                worker = busy.pop(connection)
                assert worker.task is not None
                task, worker.task = worker.task, None
                try:
                    failure, warnings = connection.recv()
                except (EOFError, OSError):
                    worker.end()
                    exit_code = worker.process.exitcode
                    failure = f"{task.job.entry.name}: its worker was lost {ATTEMPTS} times (exit {exit_code})"
                    if attempts[task] < ATTEMPTS:
                        waiting.insert(0, task)
                        continue
                else:
                    for warning in warnings:
                        on_warning(warning)
                    if task.job.memory_bytes > KEPT_BYTES:
                        worker.end()
                    else:
                        idle.append(worker)
                if failure is None:
                    on_done(task)
                else:
                    failures.append(failure)
    finally:
        for worker in busy.values():
            worker.process.terminate()
        for worker in [*busy.values(), *idle]:
            worker.end(at_once=worker.task is not None)
    return failures
