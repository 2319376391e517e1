"""The error of a measurement, one of the tree in `todpack.decompressor.errors`."""

from __future__ import annotations

from todpack.decompressor.errors import TodpackError


class EvalError(TodpackError):
    """Something cannot be measured as asked; the message says what, expected and found."""
