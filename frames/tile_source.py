"""Days that are larger than memory: frames are read tile by tile."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from .day import HOURS_PER_DAY
from .errors import DataError
from .frame_order import natural_key

MASK_NAME = "valid.npy"
FRAMES = "tod_*.npy"


class TileSource(Protocol):
    """A day of 8-bit frames of which any rectangle can be read.

    Attributes:
        name: Short name.
        height: H, rows.
        width: W, columns.
        hours: (T,) float64, ascending in [0, 24).
    """

    name: str
    height: int
    width: int
    hours: np.ndarray

    def read(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """The (T, h, w, 3) uint8 codes of a rectangle and its (h, w) bool valid texels; the same at every call."""


def is_frame_arrays(path: Path) -> bool:
    """Whether `path` is a folder of tod_*.npy."""
    return path.is_dir() and any(path.glob(FRAMES))


class FrameArrays:
    """A folder of tod_*.npy, (H, W, 3) uint8 each, and perhaps valid.npy, (H, W) bool; memory-mapped.

    The i-th of T frames, sorted by name, is at 24 i / T hours. Without valid.npy every texel is valid.

    Raises:
        DataError: there are under 2 frames, or an array cannot be mapped or has another shape or type.
    """

    def __init__(self, folder: Path) -> None:
        paths = sorted(folder.glob(FRAMES), key=natural_key)
        if len(paths) < 2:
            raise DataError(f"{folder}: expected at least 2 frames {FRAMES}, found {len(paths)}")
        self._frames = [_mapped(path, np.uint8) for path in paths]
        shape = self._frames[0].shape
        if len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise DataError(f"{paths[0]}: expected an array of shape (H, W, 3), found {shape}")
        for path, frame in zip(paths, self._frames, strict=True):
            if frame.shape != shape:
                raise DataError(f"{path}: expected the shape of {paths[0].name}, {shape}, found {frame.shape}")
        self.height, self.width = shape[:2]
        self.hours = np.arange(len(paths)) * (HOURS_PER_DAY / len(paths))
        self.name = folder.resolve().name or "lightmap"
        self._valid = None
        if (folder / MASK_NAME).is_file():
            self._valid = _mapped(folder / MASK_NAME, np.bool_)
            if self._valid.shape != shape[:2]:
                raise DataError(f"{folder / MASK_NAME}: expected shape {shape[:2]}, found {self._valid.shape}")

    def read(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """See `TileSource`."""
        codes = np.stack([frame[rows, columns] for frame in self._frames])
        if self._valid is None:
            return codes, np.ones(codes.shape[1:3], bool)
        return codes, np.ascontiguousarray(self._valid[rows, columns])


def _mapped(path: Path, dtype: type) -> np.ndarray:
    try:
        array: np.ndarray = np.lib.format.open_memmap(path, mode="r")  # np.load would open other kinds of file too
    except (OSError, ValueError, OverflowError) as error:
        raise DataError(f"{path}: cannot be mapped as a .npy array: {' '.join(str(error).split())}") from error
    if array.dtype != dtype:
        raise DataError(f"{path}: expected values of {np.dtype(dtype)}, found {array.dtype}")
    return array
