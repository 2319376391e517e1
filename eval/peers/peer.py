"""What a peer is: a name, its settings, and a function that codes a day and can give it back."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import zstandard


@dataclass(frozen=True)
class Encoded:
    """A coded day.

    Attributes:
        size_bytes: Everything the decoder reads.
        decode: Gives the frames back, (T, H, W, 3), same type as the original.
        encode_s: Wall time of coding (training included), where not all of the call was that.
        parts: `size_bytes` by kind of section, where the codec tells; peers that hold no mask have no `mask`.
        data: The coded bytes, of a video.
    """

    size_bytes: int
    decode: Callable[[], np.ndarray]
    encode_s: float | None = None
    parts: Mapping[str, int] = field(default_factory=dict)
    data: bytes = b""


Encode = Callable[[np.ndarray, np.ndarray, float], Encoded]
"""Frames (T, H, W, 3), valid (H, W) bool, setting -> what they become; may raise whatever its codec raises."""


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
        encode: Codes a day at a setting.
        transfer: What it codes: "srgb8", "linear" or "both".
        bounds: Least and largest setting.
        version: What is run, as text: points of one version are not taken for those of another.
    """

    name: str
    definition: str
    unit: str
    settings: tuple[float, ...]
    random_access: str
    encode: Encode
    transfer: str = "srgb8"
    bounds: tuple[float, float] = (-math.inf, math.inf)
    version: Callable[[], str] = lambda: ""


def package_version(*names: str) -> str:
    """Versions of packages, e.g. "av 18.1.0", whichever are installed."""
    found = []
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)


def encode_frames(
    frames: np.ndarray, encode: Callable[[np.ndarray], bytes], decode: Callable[[bytes], np.ndarray], zstd: bool = False
) -> Encoded:
    """Code every frame alone, behind that by zstd level 19 where asked for."""
    compressor, decompressor = zstandard.ZstdCompressor(level=19), zstandard.ZstdDecompressor()
    stored = [encode(frame) for frame in frames]
    stored = [compressor.compress(one) for one in stored] if zstd else stored
    return Encoded(
        sum(map(len, stored)),
        lambda: np.stack([decode(decompressor.decompress(one) if zstd else one) for one in stored]),
    )
