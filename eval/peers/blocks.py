"""Block compression that GPUs sample directly: BC7 for codes, BC6H for radiance; with zstd as games ship it."""

from __future__ import annotations

from typing import Any

import numpy as np

from todpack.decompressor.errors import needs

from .peer import Encode, Encoded, Peer, encode_frames

PROFILE = "slow"
_HALF_MAX = 65504.0


def _padded(frame: np.ndarray) -> np.ndarray:
    """(H, W, 4), sides multiples of 4, alpha opaque."""
    height, width = frame.shape[:2]
    rgb = np.pad(frame, ((0, -height % 4), (0, -width % 4), (0, 0)), mode="edge")
    opaque = np.full((*rgb.shape[:2], 1), 255 if frame.dtype == np.uint8 else 1, rgb.dtype)
    return np.ascontiguousarray(np.concatenate([rgb, opaque], axis=2))


def _encode(is_bc7: bool, zstd: bool) -> Encode:
    def encode(frames: np.ndarray, _valid: np.ndarray, _setting: float) -> Encoded:
        with needs("peers", "block compression"):
            import imagecodecs
            import ispc_texcomp
        codecs: Any = imagecodecs
        texcomp: Any = ispc_texcomp
        height, width = frames.shape[1:3]
        shape = (height + -height % 4, width + -width % 4, 4 if is_bc7 else 3)
        kind = codecs.BCN.FORMAT.BC7 if is_bc7 else codecs.BCN.FORMAT.BC6HU

        def encode_frame(frame: np.ndarray) -> bytes:
            rgba = _padded(frame if is_bc7 else np.minimum(frame, _HALF_MAX).astype(np.float16))
            surface = texcomp.RGBASurface(rgba.tobytes(), rgba.shape[1], rgba.shape[0], rgba.strides[0])
            if is_bc7:
                return bytes(texcomp.compress_blocks_bc7(surface, texcomp.BC7EncSettings.from_profile(PROFILE)))
            return bytes(texcomp.compress_blocks_bc6h(surface, texcomp.BC6HEncSettings.from_profile(PROFILE)))

        def decode_frame(stored: bytes) -> np.ndarray:
            texels: np.ndarray = codecs.bcn_decode(stored, kind, shape=shape)[:height, :width, :3]
            return texels.astype(frames.dtype)

        return encode_frames(frames, encode_frame, decode_frame, zstd)

    return encode


PEERS = tuple(
    Peer(
        f"{kind}+zstd" if zstd else kind,
        f"{title}, ISPC texture compressor, profile {PROFILE}{', each frame then zstd level 19' if zstd else ''}",
        "bits per texel",
        (8.0,),
        "frame" if zstd else "yes",
        _encode(kind == "bc7", zstd),
        transfer,
    )
    for kind, title, transfer in (("bc7", "BC7", "srgb8"), ("bc6h", "BC6H unsigned", "linear"))
    for zstd in (False, True)
)
