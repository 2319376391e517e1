"""Errors of the submission tools that a user can cause."""

from todpack.decompressor.errors import TodpackError


class SubmissionError(TodpackError):
    """A bundle that cannot be built, or that does not pass the rehearsal."""
