"""Errors of the packer that a user can cause."""

from decompressor.errors import TodpackError


class PackError(TodpackError):
    """A run folder that cannot be packed, or an option that is not possible."""
