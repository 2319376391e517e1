"""Errors of the packer that a user can cause."""

from todpack.decompressor.errors import TodpackError


class ConfigError(TodpackError):
    """An option or preset that is out of range, unknown or contradictory."""


class PackError(TodpackError):
    """A run folder that cannot be packed, or an option that is not possible."""
