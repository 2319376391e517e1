"""What a peer is: a name, its settings, and a function that codes a day and gives it back."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Code = Callable[[np.ndarray, np.ndarray, float], "Coded"]
"""Frames (T, H, W, 3), valid (H, W) bool, setting -> what they become; may raise whatever its codec raises."""


@dataclass(frozen=True)
class Coded:
    """A day, coded and decoded.

    Attributes:
        size_bytes: Everything the decoder reads.
        frames: (T, H, W, 3), same type as the original.
        encode_s: Wall time of coding (training included).
        decode_ms_per_frame: Wall time of decoding all frames, over their number.
    """

    size_bytes: int
    frames: np.ndarray
    encode_s: float
    decode_ms_per_frame: float


@dataclass(frozen=True)
class Peer:
    """One line of a comparison.

    Attributes:
        name: Short, for tables.
        definition: What exactly is run.
        unit: What a setting means, e.g. `"crf"`.
        settings: Values of it; none leaves the peer out.
        random_access: Whether one texel at one time decodes without the rest of its frame: "yes", "no" or "frame"
            (single frames, but no single texels).
        code: Codes a day at a setting.
        transfer: What it codes: "srgb8" or "linear".
        bounds: Least and largest setting.
    """

    name: str
    definition: str
    unit: str
    settings: tuple[float, ...]
    random_access: str
    code: Code
    transfer: str = "srgb8"
    bounds: tuple[float, float] = (-math.inf, math.inf)


def code_frames(
    frames: np.ndarray, encode: Callable[[np.ndarray], bytes], decode: Callable[[bytes], np.ndarray]
) -> Coded:
    """Code every frame alone, then decode them all; both are timed."""
    start = time.perf_counter()
    stored = [encode(frame) for frame in frames]
    encoded = time.perf_counter()
    decoded = np.stack([decode(one) for one in stored])
    decode_ms = 1e3 * (time.perf_counter() - encoded) / len(frames)
    return Coded(sum(map(len, stored)), decoded, encoded - start, decode_ms)


def with_zstd(encode: Callable[[np.ndarray], bytes], level: int = 19) -> Callable[[np.ndarray], bytes]:
    """Add zstd behind an encoder."""
    import zstandard

    compressor = zstandard.ZstdCompressor(level=level)
    return lambda frame: compressor.compress(encode(frame))


def without_zstd(decode: Callable[[bytes], np.ndarray]) -> Callable[[bytes], np.ndarray]:
    """The decoder that belongs to `with_zstd`."""
    import zstandard

    decompressor = zstandard.ZstdDecompressor()
    return lambda stored: decode(decompressor.decompress(stored))
