"""The error of a training run."""

from todpack.decompressor.errors import TodpackError


class TrainingError(TodpackError):
    """A run that cannot go on: it diverged, its checkpoint is unreadable, memory is out."""
