"""Commands that are killed: by the clock, before the n-th change of the file system, or in the middle of a write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
KILLED = -9
KILLED_WRITING = -25  # by SIGXFSZ


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it wrote to stderr.

    Attributes:
        code: Its exit code, or minus the signal that killed it.
        seconds: From its start to the end.
        changes: Of the file system that it made; 0 where it was killed.
        output: stderr.
    """

    code: int
    seconds: float
    changes: int
    output: str


class Forker:
    """Runs `todpack` commands in forks of a process that has imported everything. A context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.forker"],
            cwd=ROOT, env={**os.environ, **ONE_THREAD}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, argv: list[str], **how: float) -> Outcome:
        """Run a command.

        Args:
            argv: Of `todpack`.
            how: Nothing, or `kill_after_s`, `kill_before` (the n-th change, from 1), `kill_beyond_bytes` (a file's),
                `interrupt_after_s` (as Ctrl-C does), `limit_bytes` (of a file), `user` (its number).
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"argv": argv, **how}) + "\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def __enter__(self) -> Forker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
