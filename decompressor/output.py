"""Write decoded frames: PNG, NPY or plain floats, each file at once or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from .errors import OutputError
from .parts import new_part

PNG_COMPRESSION = 1  # fast; the frames are for a scorer or a tool, not for keeping


def check_output(path: Path) -> None:
    """Refuse a place where no file can be written, before the long work.

    Raises:
        OutputError: a folder or device is there, or the folder it belongs to is missing or not writable.
    """
    try:
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "a device"
            raise OutputError(f"{path}: cannot be written: expected a file or nothing there, found {kind}")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: cannot be written: expected a folder {path.parent}, found none")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: cannot be written: no permission in {path.parent}")


def check_suffix(path: Path, suffix: str) -> None:
    """Refuse an output whose name promises another format than the one that is written.

    Raises:
        OutputError: `path` does not end in `suffix`.
    """
    if path.suffix.lower() != suffix:
        raise OutputError(f"{path}: expected a name that ends in {suffix}")


def write_atomic(
    path: Path,
    write: Callable[[BinaryIO], object],
    *,
    durable: bool = False,
    check: Callable[[Path], object] | None = None,
) -> None:
    """Replace `path` by what `write` puts into a file; on any failure the old file stays as it was.

    Args:
        path: The file.
        write: Puts the content into the open file.
        durable: Have it on the disk before the old file goes (for what took long to make).
        check: Looks at the finished file, under another name, before the old one goes; raises what it likes.

    Raises:
        OutputError: the folder cannot be written (missing, read-only, full).
    """
    check_output(path)
    try:
        with new_part(path) as part:
            with part.open("wb") as file:
                write(file)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            if check is not None:
                check(part)
            os.replace(part, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def make_folder(path: Path) -> None:
    """Create a folder and its parents if need be.

    Raises:
        OutputError: it cannot be created, or a file is in its place.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f"{path}: expected a folder, found a file") from error
    except OSError as error:
        raise OutputError(f"{path}: cannot be created: {error.strerror or error}") from error


def preview(radiance: np.ndarray, exposure: float) -> np.ndarray:
    """8-bit sRGB of linear radiance at an exposure.

    Args:
        radiance: (h, w, 3) float32 >= 0; what is no number is black.
        exposure: Stops; radiance 2^-exposure and more is white.

    Returns:
        (h, w, 3) uint8.
    """
    light = np.clip(np.nan_to_num(radiance.astype(np.float64)) * 2.0**exposure, 0.0, 1.0)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    codes: np.ndarray = np.rint(255.0 * curve).astype(np.uint8)
    return codes


def write_frame(path: Path, frame: np.ndarray, kind: str) -> None:
    """Write one frame.

    Args:
        path: The file.
        frame: (h, w, 3) uint8 for "png", any array for "npy", float32 for "bin".
        kind: "png", "npy" or "bin" (little-endian float32 by rows, RGB interleaved, nothing else).

    Raises:
        OutputError: it cannot be written.
    """
    if kind == "npy":
        write_atomic(path, lambda file: np.save(file, frame, allow_pickle=False))
    elif kind == "bin":
        write_atomic(path, lambda file: file.write(np.ascontiguousarray(frame, "<f4").tobytes()))
    else:
        write_atomic(path, lambda file: Image.fromarray(frame).save(file, "PNG", compress_level=PNG_COMPRESSION))
