"""libaom's AV1 at 4:4:4 and 10 bit by its own program, aomenc: FFmpeg's builds seldom have the encoder."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from typing import BinaryIO

import numpy as np

from todpack.decompressor.errors import MissingPackageError, needs
from todpack.decompressor.staging import scratch_folder

from ..errors import EvalError
from .peer import Encoded, Peer
from .video import decoded_stream, filled_up

PROGRAM = "aomenc"
CPU_USED = 2
_OPTIONS = (
    "--codec=av1", "--good", f"--cpu-used={CPU_USED}", "--passes=2", "--end-usage=q", "--tune=psnr", "--bit-depth=10",
    "--kf-max-dist=9999", "--threads=1", "--obu", "--quiet",
)  # fmt: skip


def _program() -> str:
    path = shutil.which(PROGRAM)
    if path is None:
        raise MissingPackageError(f"{PROGRAM} is not installed: apt-get install aom-tools, or make peers")
    return path


@cache
def _version() -> str:
    """The line of the program's help that names the encoder."""
    try:
        text = subprocess.run([_program(), "--help"], capture_output=True, text=True, check=False).stdout
    except MissingPackageError:
        return ""
    lines = [line.strip() for line in text.splitlines() if "AV1 Encoder" in line]
    return " ".join(lines[0].split()) if lines else ""


def write_y4m(file: BinaryIO, frames: np.ndarray) -> None:
    """Frames as 10-bit YUV 4:4:4 in YUV4MPEG2, by the same conversion that x265 gets.

    Args:
        file: Where to.
        frames: (T, H, W, 3) uint8, W a multiple of 16 (`filled_up`).
    """
    with needs("peers", "a video"):
        import av
    height, width = frames.shape[1:3]
    file.write(f"YUV4MPEG2 W{width} H{height} F24:1 Ip A1:1 C444p10 XYSCSS=444P10\n".encode())
    for frame in frames:
        file.write(b"FRAME\n")
        pixels = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        for plane in pixels.reformat(format="yuv444p10le").planes:
            rows = np.frombuffer(bytes(plane), np.uint16).reshape(height, plane.line_size // 2)
            file.write(rows[:, :width].tobytes())


def _encode(frames: np.ndarray, _valid: np.ndarray, level: float) -> Encoded:
    program, (height, width) = _program(), frames.shape[1:3]
    with scratch_folder("todpack-peers-") as folder:
        source, stored = folder / "day.y4m", folder / "day.obu"
        with open(source, "wb") as file:
            write_y4m(file, filled_up(frames))
        words = [program, *_OPTIONS, f"--cq-level={level:g}", "-o", str(stored), str(source)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not stored.is_file():
            said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
            raise EvalError(f"{PROGRAM}: {said[0]}")
        data = stored.read_bytes()
    return Encoded(len(data), lambda: decoded_stream(data, "obu")[:, :height, :width])


LIBAOM = Peer(
    "libaom",
    f"libaom's AV1 by {PROGRAM}, good quality, cpu-used {CPU_USED}, two passes, constant quality, tune psnr, "
    "yuv444p10, one key frame, raw stream (OBUs), one thread",
    "cq-level",
    (6.0, 14.0, 24.0, 34.0),
    "no",
    _encode,
    bounds=(0.0, 63.0),
    version=_version,
)
