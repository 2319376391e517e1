"""Block compression that GPUs sample directly: BC7 for codes, BC6H for radiance; with zstd as games ship it."""

from __future__ import annotations

from functools import partial

import numpy as np

from todpack.packer.export.blocks import PROFILE, decode_blocks, encode_blocks, require_blocks
from todpack.packer.export.textures import BC6H, BC7

from .peer import Encode, Encoded, Peer, encode_frames, package_version


def _encode(is_bc7: bool, zstd: bool) -> Encode:
    def encode(frames: np.ndarray, _valid: np.ndarray, _setting: float) -> Encoded:
        require_blocks(extra="peers")
        height, width = frames.shape[1:3]
        format = BC7 if is_bc7 else BC6H

        def decode_frame(stored: bytes) -> np.ndarray:
            return decode_blocks(stored, format, height, width)[..., :3].astype(frames.dtype)

        return encode_frames(frames, lambda frame: encode_blocks(frame, format), decode_frame, zstd)

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
        version=partial(package_version, "ispc_texcomp", "imagecodecs"),
    )
    for kind, title, transfer in (("bc7", "BC7", "srgb8"), ("bc6h", "BC6H unsigned", "linear"))
    for zstd in (False, True)
)
