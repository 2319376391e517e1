"""Write decoded frames: PNG, NPY, plain floats or OpenEXR, each file at once or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .errors import OutputError
from .files import write_atomic
from .png import png_of
from .staging import scratch_folder

SOFTWARE = "todpack"  # in PNG and EXR files: signatures.py


def preview(radiance: np.ndarray, exposure: float) -> np.ndarray:
    """8-bit sRGB of linear radiance at an exposure.

    Args:
        radiance: (h, w, 3) float32 >= 0; what is no number is black.
        exposure: Stops; radiance 2^-exposure and more is white.

    Returns:
        (h, w, 3) uint8.
    """
    with np.errstate(over="ignore"):  # what is infinite is white
        light = np.clip(np.nan_to_num(radiance.astype(np.float64)) * 2.0**exposure, 0.0, 1.0)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    codes: np.ndarray = np.rint(255.0 * curve).astype(np.uint8)
    return codes


class MovingAverage:
    """Exponential moving average of frames, in the order in which they come."""

    def __init__(self, share: float) -> None:
        """`share`, from 0 to under 1, is that of the average before."""
        self._share, self._average = share, None  # type: float, np.ndarray | None

    def of(self, frame: np.ndarray, dtype: str) -> np.ndarray:
        """The average with this float32 frame, as uint8 codes or float32."""
        if self._average is None:
            self._average = frame
        else:
            self._average = (self._share * self._average + (1.0 - self._share) * frame).astype(np.float32)
        if dtype == "float32":
            return self._average.copy()
        codes: np.ndarray = np.rint(np.clip(np.nan_to_num(self._average), 0.0, 255.0)).astype(np.uint8)
        return codes


def write_frame(path: Path, frame: np.ndarray, kind: str) -> None:
    """Write one frame.

    Args:
        path: The file.
        frame: (h, w, 3) uint8 for "png" (or (h, w), gray), any array for "npy", float32 for "bin" and "exr".
        kind: "png", "npy", "bin" (little-endian float32 by rows, RGB interleaved, nothing else) or "exr".

    Raises:
        OutputError: it cannot be written, or the package OpenEXR is not installed.
    """
    if kind == "npy":
        write_atomic(path, lambda file: np.save(file, frame, allow_pickle=False))
    elif kind == "bin":
        write_atomic(path, lambda file: file.write(np.ascontiguousarray(frame, "<f4").tobytes()))
    elif kind == "exr":
        _write_exr(path, frame)
    else:
        write_atomic(path, lambda file: file.write(png_of(frame, SOFTWARE)))


def _write_exr(path: Path, frame: np.ndarray) -> None:
    """A scan-line file with 32-bit channels R, G, B, ZIP-compressed, by the optional package OpenEXR (extra `exr`)."""
    try:
        import OpenEXR
    except ImportError as error:
        raise OutputError(f"--format exr needs OpenEXR: pip install 'todpack[exr]' ({error})") from error

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, "software": SOFTWARE}
    with scratch_folder("todpack-exr-") as folder:
        made = folder / "frame.exr"
        try:
            OpenEXR.File(header, {"RGB": np.ascontiguousarray(frame, np.float32)}).write(str(made))
            data = made.read_bytes()
        except (OSError, RuntimeError) as error:
            raise OutputError(f"{path}: cannot be written: {error}") from error
    write_atomic(path, lambda file: file.write(data))
