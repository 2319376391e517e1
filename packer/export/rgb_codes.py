"""Radiance as the texels of textures: shared exponent, half floats, RGBM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from todpack.frames.encodings import UNITY_EXPONENT

HALF_MAX = 65504.0
RGB9E5_MAX = 65408.0  # 511 * 2^7


def to_rgb9e5(radiance: np.ndarray) -> np.ndarray:
    """(..., 3) float radiance >= 0 to (...) uint32: three mantissas of 9 bits, one exponent of 5.

    Source: the extension EXT_texture_shared_exponent, "conversion of RGB to shared exponent".
    """
    rgb = np.clip(np.nan_to_num(radiance.astype(np.float64)), 0.0, RGB9E5_MAX)
    largest = rgb.max(-1)
    # frexp's exponent e: 2^(e - 1) <= largest < 2^e; of 0 it is 0
    exponent = np.where(largest > 0.0, np.maximum(np.frexp(largest)[1], -15), -15).astype(np.int64)
    exponent += np.floor(largest * np.exp2(9.0 - exponent) + 0.5) == 512
    mantissas = np.floor(rgb * np.exp2(9.0 - exponent)[..., None] + 0.5).astype(np.uint32)
    packed = mantissas[..., 0] | mantissas[..., 1] << 9 | mantissas[..., 2] << 18
    return np.asarray(packed | (exponent + 15).astype(np.uint32) << 27, "<u4")


def to_rgba16f(radiance: np.ndarray) -> np.ndarray:
    """(..., 3) float radiance >= 0 to (..., 4) float16, alpha 1."""
    opaque = np.ones((*radiance.shape[:-1], 4), "<f2")
    opaque[..., :3] = np.clip(np.nan_to_num(radiance), 0.0, HALF_MAX)
    return opaque


def linear_to_srgb(light: np.ndarray) -> np.ndarray:
    """(...) linear light 0..1 to shares 0..1 of the sRGB curve. Source: IEC 61966-2-1."""
    light = np.clip(np.asarray(light, np.float64), 0.0, 1.0)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@dataclass(frozen=True)
class Rgbm:
    """A shared multiplier in alpha; names and meaning are those of reading, `frames.encodings.encoding_of`.

    Attributes:
        peak: RANGE.
        is_srgb: Colors are on the sRGB curve and the multiplier is to the power of 2.2, as in Unity; else both are
            linear.

    Source: Brian Karis, "RGBM color encoding", 2009.
    """

    peak: float
    is_srgb: bool

    @property
    def largest(self) -> float:
        """Radiance that it holds."""
        return float(self.peak ** (UNITY_EXPONENT if self.is_srgb else 1.0))

    def encode(self, radiance: np.ndarray) -> np.ndarray:
        """(..., 3) float radiance >= 0 to (..., 4) uint8; what is over the range is cut off."""
        exponent = UNITY_EXPONENT if self.is_srgb else 1.0
        share = np.clip(np.nan_to_num(radiance.astype(np.float64)) / self.peak**exponent, 0.0, 1.0)
        # the least multiplier that reaches the largest channel: the color's own codes are then the finest
        multiplier = np.maximum(np.ceil(255.0 * share.max(-1, keepdims=True) ** (1 / exponent) - 1e-9), 1.0)
        color = np.minimum(share / (multiplier / 255.0) ** exponent, 1.0)
        codes = np.rint(255.0 * (linear_to_srgb(color) if self.is_srgb else color))
        return np.concatenate([codes, multiplier], -1).astype(np.uint8)

    def black_share(self, radiance: np.ndarray) -> float:
        """Of the texels that have light, those whose code has none: they are too dark for the range."""
        lit = (radiance > 0).any(-1)
        black = ~self.encode(radiance[lit])[..., :3].any(-1)
        return float(black.mean()) if lit.any() else 0.0
