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
_ERROR_PREFIX = "todpack: error: "


@dataclass(frozen=True)
class Finished:
    """A process that succeeded: its standard output, and its wall time in seconds, imports included."""

    stdout: str
    wall_s: float


def run_module(
    module: str,
    words: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> Finished:
    """Run `python -m MODULE WORDS` and wait for it to end.

    Args:
        module: Absolute name of a module.
        words: Its arguments.
        environment: Variables on top of this process's.
        timeout_s: Wall time after which it is killed.

    Raises:
        EvalError: It failed or was killed; the message is the last line that it wrote to standard error.
    """
    start = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *words],
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise EvalError(f"stopped after {timeout_s:g} s") from error
    wall_s = time.perf_counter() - start
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise EvalError(lines[-1].removeprefix(_ERROR_PREFIX))
    return Finished(done.stdout, wall_s)


def run_todpack(
    words: Sequence[str],
    threads: int | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    log: Path | None = None,
) -> Finished:
    """Run `todpack WORDS` and wait for it to end.

    Args:
        words: Command and arguments.
        threads: Threads of its numerical libraries; None leaves the choice to them.
        environment: Variables on top of this process's.
        timeout_s: Wall time after which it is killed.
        log: File that the command line, and then the output or the error, are appended to.

    Raises:
        EvalError: It failed or was killed, as `todpack COMMAND: REASON`.
    """
    limits = {} if threads is None else dict.fromkeys(THREAD_VARIABLES, str(threads))
    _append(log, f"$ todpack {' '.join(words)}\n")
    try:
        done = run_module("todpack", words, environment={**limits, **(environment or {})}, timeout_s=timeout_s)
    except EvalError as error:
        _append(log, f"{error}\n")
        raise EvalError(f"todpack {words[0]}: {error}") from error
    _append(log, done.stdout)
    return done


def _append(log: Path | None, text: str) -> None:
    if log is not None:
        with open(log, "a", encoding="utf-8") as file:
            file.write(text)
