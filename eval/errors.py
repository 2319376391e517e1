"""Errors of the evaluation that a user can cause; each message is one line.

decompressor.errors.TodpackError
└── EvalError    frames, weights, a peer or a rate curve that cannot be measured as asked
"""

from __future__ import annotations

from todpack.decompressor.errors import TodpackError

PREFIX = "todpack: error: "


class EvalError(TodpackError):
    """Something cannot be measured as asked; the message says what, expected and found."""


def last_line(stderr: str, code: int) -> str:
    """What a `todpack` command that failed in a process of its own said."""
    return (stderr.strip().splitlines() or [f"exit code {code}"])[-1].removeprefix(PREFIX)
