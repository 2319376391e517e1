"""Errors of the trainer that a user can cause; each message is one line.

TrainerError
├── DataError       an input folder, frame or mask that cannot be read as a day of lightmaps
├── ConfigError     an option or preset that is out of range, unknown or contradictory
└── TrainingError   a run that cannot go on (diverged, checkpoint unreadable, out of memory)
"""


class TrainerError(Exception):
    """Base of the trainer's typed errors; `str(error)` is one line for the user."""


class DataError(TrainerError):
    """An input folder, frame or mask that cannot be read as a day of lightmaps."""


class ConfigError(TrainerError):
    """An option or preset that is out of range, unknown or contradictory."""


class TrainingError(TrainerError):
    """A run that cannot go on."""
