"""Frames written by other programs: FFmpeg (through PyAV), the OpenEXR package in a process of its own, tifffile."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

RADIANCE = np.random.default_rng(3).random((9, 13, 3), np.float32) * np.float32(8)


def ffmpeg_frame(path: Path, codec: str, values: np.ndarray, options: dict[str, str] | None = None) -> Path:
    """One frame by FFmpeg's encoder: (H, W, 3) float32 for "exr" and "hdr", uint16 for "png" and "tiff"."""
    import av

    height, width = values.shape[:2]
    is_float = values.dtype == np.float32
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.time_base = width, height, Fraction(1, 24)
    context.pix_fmt = "gbrpf32le" if is_float else "rgb48be" if codec == "png" else "rgb48le"
    context.options = options or {}
    frame = av.VideoFrame(width, height, context.pix_fmt)
    frame.pts = 0
    planes = [values[..., channel] for channel in (1, 2, 0)] if is_float else [values.reshape(height, -1)]
    dtype = "<f4" if is_float else ">u2" if codec == "png" else "<u2"
    for plane, rows in zip(frame.planes, planes, strict=True):
        padded = np.zeros((height, plane.line_size // np.dtype(dtype).itemsize), dtype)
        padded[:, : rows.shape[1]] = rows
        plane.update(padded.tobytes())
    packets = [*context.encode(frame), *context.encode(None)]
    path.write_bytes(b"".join(bytes(packet) for packet in packets))
    return path


_WRITE = """
import sys
import numpy as np, OpenEXR
saved = np.load(sys.argv[2])
header = {"compression": getattr(OpenEXR, sys.argv[3]), "type": getattr(OpenEXR, sys.argv[4])}
if header["type"] == OpenEXR.tiledimage:
    header["tiles"] = OpenEXR.TileDescription()
if "_window" in saved:
    corners = [tuple(corner) for corner in saved["_window"]]
    header["dataWindow"], header["displayWindow"] = tuple(corners[:2]), tuple(corners[2:])
channels = {name: np.ascontiguousarray(saved[name]) for name in saved if name != "_window"}
OpenEXR.File(header, channels).write(sys.argv[1])
"""


def openexr_frame(
    path: Path,
    channels: dict[str, np.ndarray],
    compression: str = "ZIP_COMPRESSION",
    storage: str = "scanlineimage",
    window: list[tuple[int, int]] | None = None,
) -> Path:
    """An EXR file by the OpenEXR package, in another process.

    Args:
        path: The file.
        channels: (H, W) or (H, W, 3) arrays by name, "RGB" for the three.
        compression: Name in the package.
        storage: "scanlineimage" or "tiledimage".
        window: Corners of the data window and of the display window, (x, y) each.
    """
    arrays = dict(channels) | ({} if window is None else {"_window": np.array(window, np.int32)})
    np.savez(path.with_suffix(".npz"), **arrays)  # type: ignore[arg-type]
    words = [str(path), str(path.with_suffix(".npz")), compression, storage]
    subprocess.run([sys.executable, "-c", _WRITE, *words], check=True)
    path.with_suffix(".npz").unlink()
    return path
