"""Arrays in .npy files, by rectangles.

They are read and not mapped: a file that is cut meanwhile is an error then, and not the end of the process.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np

from .errors import DataError
from .silence import silenced


def _state_of(found: os.stat_result) -> tuple[int, ...]:
    """What tells that a file was written or replaced."""
    return found.st_ino, found.st_size, found.st_mtime_ns


class ArrayFile:
    """An array in a file; nothing of it is held.

    Args:
        path: A .npy file.

    Attributes:
        shape: Of the array.
        dtype: Of its values.

    Raises:
        DataError: it is something else.
    """

    def __init__(self, path: Path) -> None:
        try:  # np.load would open other kinds of file too
            with silenced():
                layout, self._state = np.lib.format.open_memmap(path, mode="r"), _state_of(path.stat())
        except Exception as error:  # NumPy raises what a damaged header makes it stumble over
            raise DataError(f"{path}: cannot be read as a .npy array: {' '.join(str(error).split())}") from error
        self.shape, self.dtype = layout.shape, layout.dtype
        self._path, self._offset, self._by_columns = path, layout.offset, not layout.flags.c_contiguous

    def whole(self) -> np.ndarray:
        """The array.

        Raises:
            DataError: the file was changed by now, or cannot be read.
        """
        order = self.shape[::-1] if self._by_columns else self.shape
        values = np.empty(order, self.dtype)
        self._fill(values.reshape(1, -1), [0])
        return values.T if self._by_columns else values

    def rectangle(self, rows: slice, columns: slice) -> np.ndarray:
        """(h, w, ...) of an array of two or more axes.

        Raises:
            DataError: the file was changed by now, or cannot be read.
        """
        height, width, *rest = self.shape
        (top, bottom, _), (left, right, _) = rows.indices(height), columns.indices(width)
        n_inner = math.prod(rest)
        if self._by_columns:
            values = np.empty((*rest[::-1], right - left, bottom - top), self.dtype)
            starts = [(n * width + x) * height + top for n in range(n_inner) for x in range(left, right)]
            self._fill(values.reshape(len(starts), bottom - top), starts)
            return values.T
        values = np.empty((bottom - top, right - left, *rest), self.dtype)
        lines = values.reshape(bottom - top, (right - left) * n_inner)
        self._fill(lines, [(y * width + left) * n_inner for y in range(top, bottom)])
        return values

    def _fill(self, lines: np.ndarray, starts: list[int]) -> None:
        """Read each line from its place in the file, counted in values."""
        try:
            with self._path.open("rb") as file:
                if _state_of(os.fstat(file.fileno())) != self._state:
                    raise DataError(f"{self._path}: the file was changed while it was read; run the command again")
                for line, start in zip(lines.view(np.uint8), starts, strict=True):
                    at = self._offset + start * self.dtype.itemsize
                    if file.tell() != at:
                        file.seek(at)
                    if (found := file.readinto(line.data)) != line.nbytes:
                        raise DataError(
                            f"{self._path}: expected {line.nbytes} bytes from byte {at} on, found {found}; "
                            "the file was changed while it was read"
                        )
        except OSError as error:
            raise DataError(f"{self._path}: cannot be read: {error.strerror or error}") from error
