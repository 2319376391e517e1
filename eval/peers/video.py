"""The day as one video, counted as its raw stream: x265 (HEVC, Annex B) and SVT-AV1 (AV1 OBUs), by PyAV."""

from __future__ import annotations

import io
import os
from functools import partial
from typing import Any

import numpy as np

from todpack.decompressor.errors import MissingPackageError, needs

from ..errors import EvalError
from .peer import Encoded, Peer, package_version

# FFmpeg's conversion of RGB to the 10-bit YUV that the encoders take is wrong at times, in up to 4 of 100 frames,
# where a row is no multiple of 16 texels (seen with PyAV 18.1)
VIDEO_UNIT = 16
# x265 4.2 writes past its memory where frames are wider than half a coding unit and narrower than one
BROKEN_WIDTHS, SOUND_WIDTH = range(33, 64), 64
SVT_AV1_PRESET = 3
SVT_AV1_MIN_SIDE = 64


def filled_up(frames: np.ndarray) -> np.ndarray:
    """Sides filled up by their last texels to what the encoders take; the decoder's frames are to be cropped.

    These are multiples of `VIDEO_UNIT`, but not of `BROKEN_WIDTHS`.

    Args:
        frames: (T, H, W, 3) uint8.
    """
    height, width = frames.shape[1:3]
    columns = SOUND_WIDTH - width if width in BROKEN_WIDTHS else -width % VIDEO_UNIT
    margins = ((0, 0), (0, -height % VIDEO_UNIT), (0, columns), (0, 0))
    return np.pad(frames, margins, mode="edge")


def _encode(frames: np.ndarray, container: str, encoder: str, pixels: str, options: dict[str, str]) -> Encoded:
    """Code (T, H, W, 3) uint8 frames by an encoder of FFmpeg, in a format that adds nothing to its stream."""
    with needs("peers", "a video"):
        import av
    height, width = frames.shape[1:3]
    filled = filled_up(frames)
    stored = io.BytesIO()
    with av.open(stored, "w", format=container) as file:
        try:
            stream: Any = file.add_stream(encoder, rate=24)
        except ValueError as error:
            raise MissingPackageError(f"this build of PyAV has no {encoder}") from error
        stream.height, stream.width = filled.shape[1:3]
        stream.pix_fmt, stream.options = pixels, options
        for frame in filled:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(stream.encode())
    data = stored.getvalue()
    return Encoded(len(data), lambda: decoded_stream(data, container)[:, :height, :width], data=data)


def decoded_stream(data: bytes, container: str) -> np.ndarray:
    """(T, H, W, 3) uint8 frames of a raw stream, "hevc" or "obu"."""
    import av

    with av.open(io.BytesIO(data), "r", format=container) as coded:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in coded.decode(video=0)])


def _x265(frames: np.ndarray, _valid: np.ndarray, crf: float) -> Encoded:
    parameters = "log-level=none:keyint=-1:info=0"  # info: a message of some 2 kB with the encoder's version
    options = {"crf": f"{crf:g}", "preset": "veryslow", "tune": "psnr", "x265-params": parameters}
    return _encode(frames, "hevc", "libx265", "yuv444p10le", options)


def _svt_av1(frames: np.ndarray, _valid: np.ndarray, crf: float) -> Encoded:
    os.environ.setdefault("SVT_LOG", "1")  # errors only; it would print its settings
    if min(frames.shape[1:3]) < SVT_AV1_MIN_SIDE:
        raise EvalError(f"it takes no frames under {SVT_AV1_MIN_SIDE} texels a side")
    options = {"crf": f"{crf:g}", "preset": str(SVT_AV1_PRESET), "svtav1-params": "keyint=-1:tune=1"}
    return _encode(frames, "obu", "libsvtav1", "yuv420p10le", options)


X265 = Peer(
    "x265",
    "x265 preset veryslow, tune psnr, yuv444p10le, constant rate factor, one key frame, raw HEVC stream",
    "crf",
    (8.0, 12.0, 16.0, 20.0),
    "no",
    _x265,
    bounds=(0.0, 51.0),
    version=partial(package_version, "av"),
)
SVT_AV1 = Peer(
    "svt-av1-420",
    f"SVT-AV1 preset {SVT_AV1_PRESET}, tune psnr, yuv420p10le: it has no 4:4:4, which bounds its PSNR; constant rate "
    "factor, raw AV1 stream (OBUs)",
    "crf",
    (8.0, 16.0, 24.0, 32.0),
    "no",
    _svt_av1,
    bounds=(0.0, 63.0),
    version=partial(package_version, "av"),
)
