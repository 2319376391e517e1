"""Block compression that GPUs sample directly: BC7 for codes, BC6H for radiance; with zstd as games ship it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .peer import Coded, Peer, code_frames, need, with_zstd, without_zstd

PROFILE = "slow"
_HALF_MAX = 65504.0


def _padded(frame: np.ndarray) -> np.ndarray:
    """(H, W, 4), sides multiples of 4, alpha opaque."""
    height, width = frame.shape[:2]
    rgb = np.pad(frame, ((0, -height % 4), (0, -width % 4), (0, 0)), mode="edge")
    opaque = np.full((*rgb.shape[:2], 1), 255 if frame.dtype == np.uint8 else 1, rgb.dtype)
    return np.ascontiguousarray(np.concatenate([rgb, opaque], axis=2))


def _bc7_encode(frame: np.ndarray) -> bytes:
    texcomp, rgba = need("ispc_texcomp"), _padded(frame)
    surface = texcomp.RGBASurface(rgba.tobytes(), rgba.shape[1], rgba.shape[0])
    return bytes(texcomp.compress_blocks_bc7(surface, texcomp.BC7EncSettings.from_profile(PROFILE)))


def _bc6h_encode(frame: np.ndarray) -> bytes:
    texcomp = need("ispc_texcomp")
    rgba = _padded(np.minimum(frame, _HALF_MAX).astype(np.float16))
    surface = texcomp.RGBASurface(rgba.tobytes(), rgba.shape[1], rgba.shape[0], 8 * rgba.shape[1])
    return bytes(texcomp.compress_blocks_bc6h(surface, texcomp.BC6HEncSettings.from_profile(PROFILE)))


def _decoder(height: int, width: int, kind: str) -> Callable[[bytes], np.ndarray]:
    codec = need("imagecodecs")
    padded = (height + -height % 4, width + -width % 4)
    bc7 = kind == "bc7"

    def decode(stored: bytes) -> np.ndarray:
        shape = (*padded, 4 if bc7 else 3)
        texels = codec.bcn_decode(stored, codec.BCN.FORMAT.BC7 if bc7 else codec.BCN.FORMAT.BC6HU, shape=shape)
        cropped: np.ndarray = texels[:height, :width, :3]
        return cropped if bc7 else cropped.astype(np.float32)

    return decode


def _code(kind: str, zstd: bool) -> Callable[[np.ndarray, np.ndarray, float], Coded]:
    def code(frames: np.ndarray, _valid: np.ndarray, _setting: float) -> Coded:
        need("ispc_texcomp")
        encode, decode = (
            (_bc7_encode if kind == "bc7" else _bc6h_encode),
            _decoder(frames.shape[1], frames.shape[2], kind),
        )
        return (
            code_frames(frames, with_zstd(encode), without_zstd(decode))
            if zstd
            else code_frames(frames, encode, decode)
        )

    return code


def _peer(kind: str, title: str, transfer: str, zstd: bool) -> Peer:
    return Peer(
        f"{kind}+zstd" if zstd else kind,
        f"{title}, ISPC texture compressor, profile {PROFILE}{', each frame then zstd level 19' if zstd else ''}",
        "bits per texel",
        (8.0,),
        "frame" if zstd else "yes",
        _code(kind, zstd),
        transfer,
    )


PEERS = tuple(
    _peer(kind, title, transfer, zstd)
    for kind, title, transfer in (("bc7", "BC7", "srgb8"), ("bc6h", "BC6H unsigned", "linear"))
    for zstd in (False, True)
)
