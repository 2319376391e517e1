"""Errors of the submission tools that a user can cause."""

from decompressor.errors import TodpackError


class SubmissionError(TodpackError):
    """A bundle that cannot be built, or that does not pass the rehearsal."""
