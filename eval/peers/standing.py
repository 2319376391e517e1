"""The two standing peers on the same frames: x265 as a video of the day, JPEG XL frame by frame.

Both code the frames as they are, invalid texels included; PSNR counts the valid ones. Their packages are optional: a
missing one is named as absent, with the extra to install.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import EvalError
from ..measures.metrics import psnr_srgb_db
from ..measures.rate_curve import RatePoint
from .peer import FramesRefusedError, PeerAbsentError, filled_up, need

X265 = "x265"
JPEG_XL = "jpegxl"
DEFAULT_CRFS = (8.0, 12.0, 16.0, 20.0)
DEFAULT_DISTANCES = (0.5, 1.0, 2.0)
JPEG_XL_EFFORT = 7
MAX_CRF = 51.0
MAX_DISTANCE = 25.0
X265_DEFINITION = "x265 preset veryslow, tune psnr, yuv444p10le, constant rate factor, one key frame, in Matroska"
JPEG_XL_DEFINITION = f"JPEG XL effort {JPEG_XL_EFFORT}, butteraugli distance, each frame alone"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PeerResults:
    """What the peers need on one day.

    Attributes:
        points: All measured points; filter by `name` for one curve.
        absent: For each peer that could not run, by name: why.
    """

    points: tuple[RatePoint, ...]
    absent: dict[str, str]

    def curve(self, name: str) -> list[RatePoint]:
        """The points of one peer."""
        return [point for point in self.points if point.name == name]


def _encode_x265(av: Any, frames: np.ndarray, crf: float) -> bytes:
    """(T, H, W, 3) uint8 to one Matroska file; see `filled_up`."""
    frames = filled_up(frames)
    stored = io.BytesIO()
    with av.open(stored, "w", format="matroska") as container:
        try:
            stream = container.add_stream("libx265", rate=24)
        except ValueError as error:
            raise PeerAbsentError("this build of PyAV has no libx265") from error
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv444p10le"
        stream.options = {
            "crf": f"{crf:g}",
            "preset": "veryslow",
            "tune": "psnr",
            "x265-params": "log-level=none:keyint=-1",
        }
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return stored.getvalue()


def _decode_x265(av: Any, stored: bytes) -> np.ndarray:
    with av.open(io.BytesIO(stored)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def x265_point(frames: np.ndarray, valid: np.ndarray, crf: float) -> RatePoint:
    """The point of `code_x265`."""
    return code_x265(frames, valid, crf)[0]


def code_x265(frames: np.ndarray, valid: np.ndarray, crf: float) -> tuple[RatePoint, np.ndarray]:
    """Code the day as one 4:4:4 10-bit video (`X265_DEFINITION`).

    Args:
        frames: (T, H, W, 3) uint8.
        valid: (H, W) bool, the texels PSNR counts.
        crf: Constant rate factor, 0 (best) to 51.

    Returns:
        The point, whose bytes are those of the file, container included; and the decoded frames.

    Raises:
        EvalError: `crf` is out of range.
        FramesRefusedError: the encoder refuses the frames (sides of about 16 and less).
    """
    if not 0.0 <= crf <= MAX_CRF:
        raise EvalError(f"x265: expected a crf from 0 to {MAX_CRF:g}, found {crf:g}")
    av = need("av")
    start = time.perf_counter()
    try:
        stored = _encode_x265(av, frames, crf)
        encoded = time.perf_counter()
        decoded = _decode_x265(av, stored)[:, : frames.shape[1], : frames.shape[2]]
    except av.FFmpegError as error:
        size = f"{frames.shape[2]} x {frames.shape[1]}"
        raise FramesRefusedError(f"x265 crf {crf:g} cannot code frames of {size}: {error.strerror}") from error
    point = _point(X265, f"crf {crf:g}", len(stored), frames, decoded, valid, encoded - start, encoded)
    return point, decoded


def jpeg_xl_point(frames: np.ndarray, valid: np.ndarray, distance: float) -> RatePoint:
    """The point of `code_jpeg_xl`."""
    return code_jpeg_xl(frames, valid, distance)[0]


def code_jpeg_xl(frames: np.ndarray, valid: np.ndarray, distance: float) -> tuple[RatePoint, np.ndarray]:
    """Code every frame as JPEG XL (`JPEG_XL_DEFINITION`).

    Args:
        frames: (T, H, W, 3) uint8.
        valid: (H, W) bool, the texels PSNR counts.
        distance: Butteraugli distance, 0 (lossless) to 25.

    Returns:
        The point, whose bytes are those of all files together; and the decoded frames.

    Raises:
        EvalError: `distance` is out of range.
        FramesRefusedError: the encoder refuses the frames.
    """
    if not 0.0 <= distance <= MAX_DISTANCE:
        raise EvalError(f"JPEG XL: expected a distance from 0 to {MAX_DISTANCE:g}, found {distance:g}")
    imagecodecs = need("imagecodecs")
    if not imagecodecs.JPEGXL.available:
        raise PeerAbsentError("this build of imagecodecs has no JPEG XL")
    exact = distance == 0.0  # without it, distance 0 is only nearly lossless
    start = time.perf_counter()
    try:
        stored = [
            imagecodecs.jpegxl_encode(frame, distance=distance, effort=JPEG_XL_EFFORT, lossless=exact)
            for frame in frames
        ]
        encoded = time.perf_counter()
        decoded = np.stack([imagecodecs.jpegxl_decode(file) for file in stored])
    except imagecodecs.JpegxlError as error:
        size = f"{frames.shape[2]} x {frames.shape[1]}"
        raise FramesRefusedError(f"JPEG XL distance {distance:g} cannot code frames of {size}: {error}") from error
    size_bytes = sum(len(file) for file in stored)
    point = _point(JPEG_XL, f"distance {distance:g}", size_bytes, frames, decoded, valid, encoded - start, encoded)
    return point, decoded


def _point(
    name: str,
    setting: str,
    size_bytes: int,
    frames: np.ndarray,
    decoded: np.ndarray,
    valid: np.ndarray,
    encode_s: float,
    decode_start: float,
) -> RatePoint:
    decode_ms = 1e3 * (time.perf_counter() - decode_start) / len(frames)
    if decoded.shape != frames.shape:
        raise EvalError(f"{name} {setting}: expected {frames.shape} back, found {decoded.shape}")
    return RatePoint(name, setting, size_bytes, psnr_srgb_db(frames, decoded, valid), encode_s, decode_ms)


def run_peers(
    frames: np.ndarray,
    valid: np.ndarray,
    crfs: Sequence[float] = DEFAULT_CRFS,
    distances: Sequence[float] = DEFAULT_DISTANCES,
    on_setting: Progress | None = None,
) -> PeerResults:
    """Measure both peers at all their settings, one after another.

    Args:
        frames: (T, H, W, 3) uint8 sRGB codes.
        valid: (H, W) bool, the texels PSNR counts.
        crfs: Settings of x265; empty leaves it out.
        distances: Settings of JPEG XL; empty leaves it out.
        on_setting: Called with (settings done, settings in all).

    Returns:
        The points, and the peers that are absent with the reason.

    Raises:
        EvalError: A setting is out of range, or a peer refuses the frames.
    """
    points: list[RatePoint] = []
    absent: dict[str, str] = {}
    for name, measure, settings in ((X265, x265_point, crfs), (JPEG_XL, jpeg_xl_point, distances)):
        try:
            for setting in settings:
                points.append(measure(frames, valid, setting))
                if on_setting is not None:
                    on_setting(len(points), len(crfs) + len(distances))
        except PeerAbsentError as error:
            absent[name] = str(error)
    return PeerResults(tuple(points), absent)
