"""The error of everything that is read as a day of lightmaps."""

from todpack.decompressor.errors import TodpackError


class DataError(TodpackError):
    """An input folder, frame or mask that cannot be read as a day of lightmaps."""
