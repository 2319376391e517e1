"""Run this package's own commands in processes of their own, as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import EvalError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Finished:
    """A process that succeeded: its standard output, and its wall time in seconds, imports included."""

    stdout: str
    wall_s: float


def run_module(
    module: str, words: Sequence[str], environment: Mapping[str, str] | None = None, timeout_s: float | None = None
) -> Finished:
    """Run `python -m MODULE WORDS` with some more variables in its environment, and wait for it to end.

    Raises:
        EvalError: It failed or took too long; the message is the last line that it wrote to standard error.
    """
    command, start = [sys.executable, "-m", module, *words], time.perf_counter()
    variables = {**os.environ, **(environment or {})}
    try:
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise EvalError(f"stopped after {timeout_s:g} s") from error
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise EvalError(lines[-1].removeprefix("todpack: error: "))
    return Finished(done.stdout, time.perf_counter() - start)


def run_todpack(
    words: Sequence[str],
    threads: int | None = None,
    *,
    gpu: str | None = None,
    timeout_s: float | None = None,
    log: Path | None = None,
) -> Finished:
    """Run `todpack WORDS` and wait for it to end.

    Args:
        words: Command and arguments.
        threads: Threads of its numerical libraries; None leaves the choice to them.
        gpu: The one GPU that it sees; None leaves the environment's.
        timeout_s: Wall time after which it is killed.
        log: File that the command line, and then the output or the error, are appended to.

    Raises:
        EvalError: It failed or was killed, as `todpack COMMAND: REASON`.
    """

    def write(text: str) -> None:
        if log is not None:
            with open(log, "a", encoding="utf-8") as file:
                file.write(text)

    limits = {} if threads is None else dict.fromkeys(THREAD_VARIABLES, str(threads))
    write(f"$ todpack {' '.join(words)}\n")
    try:
        done = run_module("todpack", words, limits | ({} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}), timeout_s)
    except EvalError as error:
        write(f"{error}\n")
        raise EvalError(f"todpack {words[0]}: {error}") from error
    write(done.stdout)
    return done
