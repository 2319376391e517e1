"""Image codecs, each frame alone: AVIF, WebP, PNG."""

from __future__ import annotations

import numpy as np

from ..errors import EvalError
from .peer import Coded, Peer, PeerAbsentError, code_frames, need

AVIF_SPEED = 4
PNG_LEVEL = 9
LOSSLESS = 100.0  # WebP's quality 100 stands for its lossless mode here


def _codec(name: str) -> object:
    imagecodecs = need("imagecodecs")
    if not getattr(imagecodecs, name).available:
        raise PeerAbsentError(f"this build of imagecodecs has no {name}")
    return imagecodecs


def _quality(name: str, setting: float) -> int:
    if not 0.0 <= setting <= 100.0:
        raise EvalError(f"{name}: expected a quality from 0 to 100, found {setting:g}")
    return round(setting)


def _avif(frames: np.ndarray, _valid: np.ndarray, setting: float) -> Coded:
    codec, level = need("imagecodecs"), _quality("AVIF", setting)
    _codec("AVIF")
    return code_frames(
        frames,
        lambda frame: codec.avif_encode(frame, level=level, speed=AVIF_SPEED, pixelformat="444"),
        codec.avif_decode,
    )


def _webp(frames: np.ndarray, _valid: np.ndarray, setting: float) -> Coded:
    codec, level = need("imagecodecs"), _quality("WebP", setting)
    _codec("WEBP")
    exact = level == LOSSLESS
    return code_frames(
        frames,
        lambda frame: codec.webp_encode(frame, level=level, lossless=exact, method=6),
        lambda stored: codec.webp_decode(stored)[..., :3],
    )


def _png(frames: np.ndarray, _valid: np.ndarray, _setting: float) -> Coded:
    codec = need("imagecodecs")
    return code_frames(frames, lambda frame: codec.png_encode(frame, level=PNG_LEVEL), codec.png_decode)


PEERS = (
    Peer("avif", f"AVIF 4:4:4, libavif speed {AVIF_SPEED}, each frame alone", "quality", (70.0, 80.0, 90.0, 95.0),
         "frame", _avif),
    Peer("webp", "WebP method 6 (lossy: 4:2:0; quality 100: lossless), each frame alone", "quality",
         (70.0, 80.0, 90.0, 97.0, 100.0), "frame", _webp),
    Peer("png", f"PNG, zlib level {PNG_LEVEL}, each frame alone", "level", (float(PNG_LEVEL),), "frame", _png),
)  # fmt: skip
