"""Days of which any rectangle can be read: in memory (`Day`), or larger than memory (`FrameArrays`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

import numpy as np

from .encodings import encoding_of
from .errors import DataError
from .formats import array_picture
from .hours import find_times
from .listing import count_frames, list_frames
from .masks import AlphaMask, given_mask, lines_of_lit, lit
from .npy import ArrayFile
from .radiance import RadianceCheck
from .read_options import ALPHA_MASK, AS_FOUND, ReadOptions

BAND_BYTES = 64 << 20  # of all frames, for a look at every value


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
    """Whether the frames of a folder are arrays (.npy), which are read by rectangles."""
    return os.path.isdir(path) and count_frames(path) > 1 and list_frames(path).kind.name == "NPY"


class FrameArrays:
    """A folder of .npy frames, (H, W, 3) each; a `TileSource`.

    Times, masks and encodings are those of other frames: docs/frames.md. Radiance is looked through once here, in
    bands of rows, so that a value that is none is told before any work.

    Attributes:
        valid: (H, W) bool.
        source_bytes: Size of the files.
        warnings: Lines for the user.

    Raises:
        DataError: there are under 2 frames, an array cannot be read or has another shape or type, or times, mask or
            values do not fit.
    """

    def __init__(self, folder: Path, options: ReadOptions = AS_FOUND) -> None:
        listing = list_frames(folder, options.mask_file)
        if options.layer is not None:
            raise DataError(f"{listing.files[0]}: expected an EXR file for --layer, found one of NPY")
        times = find_times(listing.folder, listing.files, options.hours, options.first_hour)
        self._files, self._encoding = times.files, encoding_of(options.encoding)
        self._frames = [ArrayFile(file) for file in times.files]
        first, first_file = self._frames[0], times.files[0]
        for file, frame in zip(times.files, self._frames, strict=True):
            if frame.shape != first.shape:
                raise DataError(f"{file}: expected the shape of {first_file.name}, {first.shape}, found {frame.shape}")
            if frame.dtype != first.dtype:
                raise DataError(
                    f"{file}: expected values of {first.dtype} as in {first_file.name}, found {frame.dtype}"
                )
        if len(first.shape) not in (2, 3) or first.shape[2:] not in ((), (1,), (2,), (3,), (4,)):
            raise DataError(f"{first_file}: expected an array of shape (H, W, 3), found {first.shape}")
        corner = self._values(0, slice(0, 1), slice(0, 1))
        self.height, self.width = first.shape[:2]
        self.hours, self.name = times.hours, listing.name
        self.transfer = "srgb8" if corner.dtype == np.uint8 else "linear"
        self.source_bytes = sum(file.stat().st_size for file in times.files)
        valid, lines = given_mask(listing, options, self.height, self.width)
        has_alpha = len(first.shape) == 3 and first.shape[2] in (2, 4) and not self._encoding.uses_alpha
        if valid is None:
            alpha = AlphaMask()
            for file, frame in zip(times.files, self._frames, strict=True):
                alpha.add(file, frame.whole()[..., -1] if has_alpha else None)
            valid, lines = alpha.settle(listing.folder, options.mask == ALPHA_MASK)
        elif has_alpha and options.mask is None:  # it may be opaque: to know that, all of it would be read
            lines.append(f"{listing.folder}: alpha is left out, as there is a mask")
        wants_lit = valid is None
        self.valid = np.zeros((self.height, self.width), bool) if valid is None else valid
        lines += self._look_through(wants_lit, listing.folder)
        self.warnings = (*listing.warnings, *times.warnings, *lines)

    def _values(self, index: int, rows: slice, columns: slice) -> np.ndarray:
        """A rectangle of one frame as stored, in codes or radiance."""
        file = self._files[index]
        return self._encoding.decode(array_picture(self._frames[index].rectangle(rows, columns), file), file)

    def _look_through(self, wants_lit: bool, folder: Path) -> list[str]:
        """Find the lit texels, if they are the valid ones, and judge all radiance; lines for the user."""
        is_linear, check = self.transfer == "linear", RadianceCheck()
        if not (wants_lit or is_linear):
            return []
        n_rows = max(1, BAND_BYTES // (12 * self.width * len(self._frames)))
        for top in range(0, self.height, n_rows):
            rows = slice(top, top + n_rows)
            band = [self._values(index, rows, slice(None)) for index in range(len(self._frames))]
            if wants_lit:
                self.valid[rows] = lit(band)
            for file, values in zip(self._files, band if is_linear else (), strict=is_linear):
                check.clean(np.array(values), self.valid[rows], file, top)
        return [*(lines_of_lit(self.valid, folder) if wants_lit else ()), *check.finish(folder)]

    def _clean(self, values: np.ndarray) -> np.ndarray:
        if self.transfer == "srgb8":
            return values
        return np.where(np.isfinite(values) & (values > 0), values, np.float32(0))

    def frame(self, index: int) -> np.ndarray:
        """(H, W, 3) values of one frame."""
        return self._clean(self._values(index, slice(None), slice(None)))

    def read(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """See `TileSource`."""
        values = np.stack([self._clean(self._values(t, rows, columns)) for t in range(len(self._frames))])
        return values, np.ascontiguousarray(self.valid[rows, columns])
