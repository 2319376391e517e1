"""Frames as pictures for a page or a video: codes as they are, radiance through one exposure for the whole day."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable

import numpy as np
from PIL import Image

from todpack.decompressor.errors import needs

from ..errors import EvalError
from ..peers.video import VIDEO_UNIT

VIDEO_RATE = 4  # hours a second
DARK = 18  # of invalid texels and gaps
_GAP = 8  # texels between the two pictures


def white_of(radiance: Iterable[np.ndarray], valid: np.ndarray) -> float:
    """Radiance that is shown as white: the brightest hour's 99th percentile over valid texels."""
    most = np.finfo(np.float32).max  # an absurd file's infinite light has no percentiles
    return max(1e-12, max(float(np.percentile(np.minimum(frame[valid], most), 99.0)) for frame in radiance))


def as_picture(frame: np.ndarray, valid: np.ndarray, white: float) -> np.ndarray:
    """(H, W, 3) uint8 for the eye; invalid texels, which mean nothing, are dark.

    Args:
        frame: uint8 codes, or float32 radiance.
        valid: (H, W) bool.
        white: Radiance shown as white.
    """
    picture = frame
    if frame.dtype != np.uint8:
        scaled = np.clip(frame / white, 0.0, 1.0)
        curve = np.where(scaled <= 0.0031308, 12.92 * scaled, 1.055 * scaled ** (1 / 2.4) - 0.055)
        picture = np.rint(255.0 * curve).astype(np.uint8)
    shown: np.ndarray = np.where(valid[..., None], picture, np.uint8(DARK))
    return shown


def error_scale(originals: Iterable[np.ndarray], decodeds: Iterable[np.ndarray], valid: np.ndarray) -> int:
    """Codes that the brightest color of the error stands for: 4, 8, .. 255, all but a thousandth of the errors below.

    Args:
        originals: (H, W, 3) uint8 pictures.
        decodeds: Same.
        valid: (H, W) bool.
    """
    counts = np.zeros(256, np.int64)
    for original, decoded in zip(originals, decodeds, strict=True):
        error = np.abs(original[valid].astype(np.int16) - decoded[valid]).max(axis=1)
        counts += np.bincount(error, minlength=256)
    most = int(np.searchsorted(np.cumsum(counts), 0.999 * counts.sum()))
    return next((scale for scale in (4, 8, 16, 32, 64, 128) if most <= scale), 255)


def data_url(picture: np.ndarray) -> str:
    """A lossless WebP as the text that an <img> takes."""
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, "WEBP", lossless=True, quality=60, method=3, exact=True)
    return "data:image/webp;base64," + base64.b64encode(stored.getvalue()).decode("ascii")


def side_by_side(original: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Original left, decoded right, a dark gap between; sides filled up to what video takes."""
    height, width = original.shape[:2]
    both = 2 * width + _GAP
    canvas = np.full((height + -height % VIDEO_UNIT, both + -both % VIDEO_UNIT, 3), DARK, np.uint8)
    canvas[:height, :width] = original
    canvas[:height, width + _GAP : 2 * width + _GAP] = decoded
    return canvas


def encode_video(originals: np.ndarray, decodeds: np.ndarray, valid: np.ndarray, white: float) -> bytes:
    """The day as an MP4 (H.264), original beside decoded.

    Args:
        originals: (T, H, W, 3) uint8 codes or float32 radiance.
        decodeds: Same shape and type.
        valid: (H, W) bool.
        white: Radiance shown as white.

    Raises:
        EvalError: PyAV or its H.264 encoder is missing, or it refuses the frames.
    """
    with needs("peers", "a video"):
        import av
    stored = io.BytesIO()
    try:
        with av.open(stored, "w", format="mp4") as container:
            container.metadata["comment"] = "todpack"
            stream = container.add_stream("libx264", rate=VIDEO_RATE)
            stream.pix_fmt, stream.options = "yuv420p", {"crf": "14", "preset": "medium"}
            stream.height, stream.width = side_by_side(originals[0], decodeds[0]).shape[:2]
            for original, decoded in zip(originals, decodeds, strict=True):
                picture = side_by_side(as_picture(original, valid, white), as_picture(decoded, valid, white))
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
    except (ValueError, av.FFmpegError) as error:
        raise EvalError(f"the video cannot be encoded: {error}") from error
    return stored.getvalue()
