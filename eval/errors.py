"""Errors of the evaluation that a user can cause; each message is one line.

decompressor.errors.TodpackError
└── EvalError    frames, weights, a peer or a rate curve that cannot be measured as asked
"""

from __future__ import annotations

from todpack.decompressor.errors import TodpackError


class EvalError(TodpackError):
    """Something cannot be measured as asked; the message says what, expected and found."""
