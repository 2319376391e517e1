"""The frames that a submission's decompress.py has written, of which nothing is taken for granted."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

from todpack.decompressor.hours_file import hour_of_name
from todpack.frames import DataError, Day
from todpack.frames.npy import ArrayFile
from todpack.frames.silence import silenced

from .errors import SubmissionError

FORMATS = {"srgb8": "png", "linear": "npy"}
"""Which `--format` of decompress.py gives what is scored, by the transfer of the originals."""


def _by_hour(file: Path) -> tuple[float, str]:
    """tod_05.png before tod_05.90.png, which the alphabet has the other way round."""
    hour = hour_of_name(file.name)
    return math.inf if hour is None else hour, file.name


def _codes(file: Path, day: Day, expected: str) -> np.ndarray:
    try:
        with silenced(), Image.open(file, formats=["PNG"]) as image:
            if (image.mode, image.size) != ("RGB", (day.width, day.height)):
                raise SubmissionError(f"{expected}, found {image.mode} of {image.size[0]} x {image.size[1]}")
            return np.asarray(image)
    except SubmissionError:
        raise
    except Exception as error:  # Pillow's reader raises what a damaged file makes it stumble over
        raise SubmissionError(f"{expected}, found a file that is no PNG ({type(error).__name__})") from error


def _radiance(file: Path, day: Day, expected: str) -> np.ndarray:
    try:
        array = ArrayFile(file)
        if (array.shape, array.dtype) != ((day.height, day.width, 3), np.dtype("<f4")):
            raise SubmissionError(f"{expected}, found {array.dtype} of {' x '.join(map(str, array.shape))}")
        values = array.whole()
    except DataError as error:
        raise SubmissionError(f"{expected}, found a file that is no array") from error
    if not np.isfinite(values).all():
        raise SubmissionError(f"{expected}, found other values")
    return values


def read_frames(out: Path, day: Day) -> np.ndarray:
    """Read what lies in a folder of frames, in order of time.

    Args:
        out: The folder.
        day: The originals.

    Returns:
        (T, H, W, 3): uint8 codes, or float32 radiance where the originals are linear.

    Raises:
        SubmissionError: the frames are not as many, not of this size, or not readable.
    """
    read, what = _codes, f"RGB of {day.width} x {day.height}"
    if day.transfer == "linear":
        read, what = _radiance, f"finite float32 of {day.height} x {day.width} x 3"
    files = sorted(out.glob(f"*.{FORMATS[day.transfer]}"), key=_by_hour)
    if len(files) != day.n_frames:
        raise SubmissionError(f"expected {day.n_frames} frames, found {len(files)}")
    frames = []
    for file in files:
        expected = f"{file.name}: expected {what}"
        if not file.is_file():  # a pipe would be waited for
            raise SubmissionError(f"{expected}, found no file")
        frames.append(read(file, day, expected))
    return np.stack(frames)
