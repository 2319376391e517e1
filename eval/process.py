"""Run this package's own commands in processes of their own, as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from todpack import child
from todpack.decompressor.errors import OutputError

from .errors import EvalError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_running: set[subprocess.Popen[str]] = set()
_stopping = threading.Event()


def _word(value: str | Path) -> str:
    """A word of a command line; a path is none that is taken for an option."""
    return f".{os.sep}{value}" if isinstance(value, Path) and str(value).startswith("-") else str(value)


@contextmanager
def stopped_together() -> Iterator[None]:
    """What ends this block early ends the processes that threads have started meanwhile, and no more are started."""
    _stopping.clear()
    try:
        yield
    except BaseException:
        _stopping.set()
        for process in list(_running):
            process.terminate()
        raise


@dataclass(frozen=True)
class Finished:
    """A process that succeeded: its standard output, and its wall time in seconds, imports included."""

    stdout: str
    wall_s: float


def reason_of(said: str, exit_code: int) -> str:
    """Why a process failed: the last line that it wrote to standard error."""
    return (said.strip().splitlines() or [f"exit code {exit_code}"])[-1].removeprefix("todpack: error: ")


def run_module(
    module: str, words: Sequence[str], environment: Mapping[str, str] | None = None, timeout_s: float | None = None
) -> Finished:
    """Run a module as by `python -m MODULE WORDS`, with some more variables in its environment, and wait for it to end.

    It ends with this process.

    Raises:
        EvalError: It failed or took too long; the message is the last line that it wrote to standard error.
        KeyboardInterrupt: It was stopped, see `stopped_together`.
    """
    command, start = [sys.executable, "-c", child.START, str(os.getpid()), module, *words], time.perf_counter()
    variables = {**os.environ, **(environment or {})}
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="backslashreplace"
    ) as process:
        _running.add(process)
        try:
            if _stopping.is_set():
                raise KeyboardInterrupt
            out, err = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise EvalError(f"stopped after {timeout_s:g} s") from error
        finally:
            _running.discard(process)
            process.kill()  # nothing to one that has ended
    if _stopping.is_set():
        raise KeyboardInterrupt
    if process.returncode != 0:
        raise EvalError(reason_of(err, process.returncode))
    return Finished(out, time.perf_counter() - start)


def run_todpack(
    words: Sequence[str | Path],
    threads: int | None = None,
    *,
    gpu: str | None = None,
    timeout_s: float | None = None,
    log: Path | None = None,
) -> Finished:
    """Run `todpack WORDS` and wait for it to end.

    Args:
        words: Command and arguments; of paths, none is taken for an option.
        threads: Threads of its numerical libraries; None leaves the choice to them.
        gpu: The one GPU that it sees; None leaves the environment's.
        timeout_s: Wall time after which it is killed.
        log: File that the command line, and then the output or the error, are appended to.

    Raises:
        EvalError: It failed or was killed, as `todpack COMMAND: REASON`.
        OutputError: The log cannot be written.
    """

    def write(text: str) -> None:
        if log is not None:
            try:
                with open(log, "a", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(text)
            except OSError as error:
                raise OutputError(f"{log}: cannot be written: {error.strerror or error}") from error

    line = [_word(word) for word in words]
    limits = {} if threads is None else dict.fromkeys(THREAD_VARIABLES, str(threads))
    write(f"$ todpack {' '.join(line)}\n")
    try:
        done = run_module("todpack", line, limits | ({} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}), timeout_s)
    except EvalError as error:
        write(f"{error}\n")
        raise EvalError(f"todpack {line[0]}: {error}") from error
    write(done.stdout)
    return done
