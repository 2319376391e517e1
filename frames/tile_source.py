"""Days of which any rectangle can be read: in memory (`Day`), or larger than memory (`FrameArrays`)."""

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
    """A day of which any rectangle can be read; `Day` and `FrameArrays` are such.

    Attributes:
        name: Short name.
        height: H, rows.
        width: W, columns.
        hours: (T,) float64, ascending in [0, 24).
        transfer: `"srgb8"`, codes 0..255, or `"linear"`, radiance >= 0.
    """

    @property
    def name(self) -> str: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def hours(self) -> np.ndarray: ...
    @property
    def transfer(self) -> str: ...

    def read(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """The (T, h, w, 3) uint8 or float32 values of a rectangle and its (h, w) bool valid texels.

        The same at every call. Invalid texels may hold anything.
        """


def is_frame_arrays(path: Path) -> bool:
    """Whether `path` is a folder of tod_*.npy."""
    return path.is_dir() and any(path.glob(FRAMES))


class FrameArrays:
    """A folder of tod_*.npy, (H, W, 3) each, and perhaps valid.npy, (H, W) bool; memory-mapped.

    Arrays of uint8 are sRGB codes, of float32 linear radiance. The i-th of T frames, sorted by name, is at
    24 i / T hours. Without valid.npy every texel is valid.

    Raises:
        DataError: there are under 2 frames, or an array cannot be mapped or has another shape or type.
    """

    def __init__(self, folder: Path) -> None:
        paths = sorted(folder.glob(FRAMES), key=natural_key)
        if len(paths) < 2:
            raise DataError(f"{folder}: expected at least 2 frames {FRAMES}, found {len(paths)}")
        self._frames = [_mapped(path, np.uint8, np.float32) for path in paths]
        shape, dtype = self._frames[0].shape, self._frames[0].dtype
        if len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise DataError(f"{paths[0]}: expected an array of shape (H, W, 3), found {shape}")
        for path, frame in zip(paths, self._frames, strict=True):
            if frame.shape != shape:
                raise DataError(f"{path}: expected the shape of {paths[0].name}, {shape}, found {frame.shape}")
            if frame.dtype != dtype:
                raise DataError(f"{path}: expected values of {dtype} as in {paths[0].name}, found {frame.dtype}")
        self.transfer = "srgb8" if dtype == np.uint8 else "linear"
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
        values = np.stack([frame[rows, columns] for frame in self._frames])
        if self._valid is None:
            return values, np.ones(values.shape[1:3], bool)
        return values, np.ascontiguousarray(self._valid[rows, columns])


def _mapped(path: Path, *dtypes: type) -> np.ndarray:
    try:
        array: np.ndarray = np.lib.format.open_memmap(path, mode="r")  # np.load would open other kinds of file too
    except (OSError, ValueError, OverflowError) as error:
        raise DataError(f"{path}: cannot be mapped as a .npy array: {' '.join(str(error).split())}") from error
    if array.dtype not in dtypes:
        names = " or ".join(np.dtype(dtype).name for dtype in dtypes)
        raise DataError(f"{path}: expected values of {names}, found {array.dtype}")
    return array
