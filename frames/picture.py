"""One frame as it is stored in a file, before an encoding gives its values a meaning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .errors import DataError

MAX_TEXELS = 1 << 28
"""Of a picture."""
ORIENTATION_TAG = 274  # of EXIF and TIFF
LFS_POINTER_BYTES = 1024
"""A pointer is smaller. Source: specification of Git LFS."""
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class Picture:
    """Values of one file.

    Attributes:
        rgb: (H, W, 3) uint8, uint16 or float32, as stored; gray is repeated into three channels.
        alpha: (H, W) of the same type, or None without such a channel.
        orientation: The tag that rgb and alpha have already been turned by, 1..8; 1 is upright.
        colors: What the file says of its colors, where those are other than sRGB; nothing is converted.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    orientation: int = 1
    colors: str | None = None

    def corner(self) -> Picture:
        """The first texel, as a picture."""
        return replace(self, rgb=self.rgb[:1, :1], alpha=None if self.alpha is None else self.alpha[:1, :1])

    def upright(self, orientation: int) -> Picture:
        """The picture turned as an orientation tag says; other values than 1..8 say nothing."""
        if orientation not in range(2, 9):
            return self
        alpha = None if self.alpha is None else _turned(self.alpha, orientation)
        return replace(self, rgb=_turned(self.rgb, orientation), alpha=alpha, orientation=orientation)


def _turned(rows: np.ndarray, orientation: int) -> np.ndarray:
    """Source: TIFF 6.0 "Orientation": which sides of the picture the 0th row and the 0th column are."""
    if orientation >= 5:
        rows = rows.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        rows = rows[:, ::-1]
    if orientation in (3, 4, 7, 8):
        rows = rows[::-1]
    return np.ascontiguousarray(rows)


def picture_of(values: np.ndarray, has_alpha: bool, path: Path) -> Picture:
    """Sort the channels of (H, W), (H, W, 1), (H, W, 3) or, with alpha, (H, W, 2) or (H, W, 4) values.

    Raises:
        DataError: another shape, or another type than uint8, uint16 and floating point.
    """
    if values.ndim == 2:
        values = values[..., None]
    n_colors = values.shape[2] - has_alpha if values.ndim == 3 else 0
    if n_colors not in (1, 3) or 0 in values.shape:
        raise DataError(f"{path}: expected values (H, W, 3), found {values.shape}")
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):  # float64 beyond float32 is infinite, and told as such with its place
            values = values.astype(np.float32, copy=False)
    elif values.dtype.newbyteorder("=") in (np.uint8, np.uint16):
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
    else:
        raise DataError(f"{path}: expected values of uint8, uint16 or floating point, found {values.dtype}")
    rgb = values[..., :3] if n_colors == 3 else values[..., :1].repeat(3, axis=2)
    return Picture(rgb, values[..., n_colors] if has_alpha else None)


def refuse_pointer(path: Path) -> None:
    """Say that a file is what Git leaves in place of a large file, if it is that.

    Raises:
        DataError: it is, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            found = file.read(len(_LFS_POINTER))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    if found == _LFS_POINTER:
        raise DataError(f"{path}: expected the file itself, found a Git LFS pointer; fetch the files by git lfs pull")
