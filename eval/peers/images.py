"""Image codecs, each frame alone: JPEG XL, AVIF, WebP, PNG."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from todpack.decompressor.errors import MissingPackageError, needs

from .peer import Encoded, Peer, encode_frames, package_version

JPEG_XL_EFFORT = 7
AVIF_SPEED = 4
PNG_LEVEL = 9
_VERSION = partial(package_version, "imagecodecs")


def _codecs(name: str) -> Any:
    """The package imagecodecs, once it is known to have a codec."""
    with needs("peers", "an image codec"):
        import imagecodecs
    if not getattr(imagecodecs, name).available:
        raise MissingPackageError(f"this build of imagecodecs has no {name}")
    return imagecodecs


def _jpeg_xl(frames: np.ndarray, _valid: np.ndarray, distance: float) -> Encoded:
    codecs = _codecs("JPEGXL")
    exact = distance == 0.0  # without it, distance 0 is only nearly lossless
    return encode_frames(
        frames,
        lambda frame: codecs.jpegxl_encode(
            frame, distance=distance, effort=JPEG_XL_EFFORT, lossless=exact, usecontainer=False
        ),
        codecs.jpegxl_decode,
    )


def _avif(frames: np.ndarray, _valid: np.ndarray, quality: float) -> Encoded:
    codecs, level = _codecs("AVIF"), round(quality)
    return encode_frames(
        frames,
        lambda frame: codecs.avif_encode(frame, level=level, speed=AVIF_SPEED, pixelformat="444"),
        codecs.avif_decode,
    )


def _webp(frames: np.ndarray, _valid: np.ndarray, quality: float) -> Encoded:
    codecs, level = _codecs("WEBP"), round(quality)
    exact = level == 100  # stands for the lossless mode here
    return encode_frames(
        frames,
        lambda frame: codecs.webp_encode(frame, level=level, lossless=exact, method=6),
        lambda stored: codecs.webp_decode(stored)[..., :3],
    )


def _png(frames: np.ndarray, _valid: np.ndarray, _level: float) -> Encoded:
    codecs = _codecs("PNG")
    return encode_frames(frames, lambda frame: codecs.png_encode(frame, level=PNG_LEVEL), codecs.png_decode)


JPEG_XL = Peer(
    "jpegxl",
    f"JPEG XL effort {JPEG_XL_EFFORT}, butteraugli distance, each frame alone, raw codestreams",
    "distance",
    (0.5, 1.0, 2.0, 3.0),
    "frame",
    _jpeg_xl,
    bounds=(0.0, 25.0),
    version=_VERSION,
)
OTHERS = (
    Peer("avif", f"AVIF 4:4:4, libavif speed {AVIF_SPEED}, each frame alone", "quality", (70.0, 80.0, 90.0, 95.0),
         "frame", _avif, version=_VERSION),
    Peer("webp", "WebP method 6 (lossy: 4:2:0; quality 100: lossless), each frame alone", "quality",
         (70.0, 80.0, 90.0, 97.0, 100.0), "frame", _webp, version=_VERSION),
    Peer("png", f"PNG, zlib level {PNG_LEVEL}, each frame alone", "level", (float(PNG_LEVEL),), "frame", _png,
         version=_VERSION),
)  # fmt: skip
