"""Block compression: BC7, BC6H and BC4 by the ISPC texture compressor, and back by imagecodecs."""

from __future__ import annotations

from typing import Any

import numpy as np

from todpack.decompressor.errors import needs

from .rgb_codes import HALF_MAX
from .textures import BC4, BC6H, BC7, BC7_SRGB, TextureFormat

PROFILE = "slow"
EXTRA = "export"


def require_blocks(what: str = "block compression", extra: str = EXTRA) -> None:
    """Raise MissingPackageError unless encoder and decoder are installed."""
    with needs(extra, what):
        import imagecodecs  # noqa: F401
        import ispc_texcomp  # noqa: F401


def _padded(image: np.ndarray) -> np.ndarray:
    """Sides filled up to multiples of 4 by their last texels."""
    margins = [(0, -image.shape[0] % 4), (0, -image.shape[1] % 4)] + [(0, 0)] * (image.ndim - 2)
    return np.pad(image, margins, mode="edge")


def _opaque(image: np.ndarray) -> np.ndarray:
    """(H, W, 3 or 4) with alpha: 255 or 1 where there is none."""
    if image.shape[2] == 4:
        return image
    alpha = np.full((*image.shape[:2], 1), 255 if image.dtype == np.uint8 else 1, image.dtype)
    return np.concatenate([image, alpha], axis=2)


def encode_blocks(image: np.ndarray, format: TextureFormat, profile: str = PROFILE) -> bytes:
    """Compress one image; sides that are no multiples of 4 are filled up by their last texels.

    Args:
        image: (H, W, 3 or 4) uint8 for BC7, whose alpha is coded where it is there; (H, W) uint8 for BC4; (H, W, 3)
            float radiance >= 0 for BC6H.
        format: One of these.
        profile: Of the encoder, "ultrafast" to "slow"; with alpha its twin for alpha. BC4 has none.

    Raises:
        MissingPackageError: the encoder is not installed.
    """
    with needs(EXTRA, "block compression"):
        import ispc_texcomp
    texcomp: Any = ispc_texcomp
    texels = _padded(np.minimum(image, HALF_MAX).astype(np.float16) if format == BC6H else image)
    if format == BC4:
        surface = texcomp.RGBASurface(np.ascontiguousarray(texels).tobytes(), *texels.shape[::-1], texels.shape[1])
        return bytes(texcomp.compress_blocks_bc4(surface))
    has_alpha = texels.shape[2] == 4
    rgba = np.ascontiguousarray(_opaque(texels))
    surface = texcomp.RGBASurface(rgba.tobytes(), rgba.shape[1], rgba.shape[0], rgba.strides[0])
    if format == BC6H:
        return bytes(texcomp.compress_blocks_bc6h(surface, texcomp.BC6HEncSettings.from_profile(profile)))
    assert format in (BC7, BC7_SRGB)
    settings = texcomp.BC7EncSettings.from_profile(f"alpha_{profile}" if has_alpha else profile)
    return bytes(texcomp.compress_blocks_bc7(surface, settings))


def decode_blocks(stored: bytes, format: TextureFormat, height: int, width: int) -> np.ndarray:
    """What a GPU reads: (H, W, 4) uint8 of BC7, (H, W) uint8 of BC4, (H, W, 3) float16 of BC6H."""
    with needs(EXTRA, "block compression"):
        import imagecodecs
    codecs: Any = imagecodecs
    kinds = codecs.BCN.FORMAT
    kind, channels = {
        BC7: (kinds.BC7, (4,)), BC7_SRGB: (kinds.BC7, (4,)), BC6H: (kinds.BC6HU, (3,)), BC4: (kinds.BC4, ()),
    }[format]  # fmt: skip
    shape = (height + -height % 4, width + -width % 4, *channels)
    texels: np.ndarray = codecs.bcn_decode(stored, kind, shape=shape)[:height, :width]
    return texels
