"""Formats of decoded pixels: what a caller may ask for by `dtype`, made of uint8 sRGB or of float32 values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SRGB_PEAK = 255.0


@dataclass(frozen=True, eq=False)
class PixelFormat:
    """A format.

    Attributes:
        name: What callers write as `dtype`.
        number: The native core's, see native/src/pixels.h.
        dtype: Of an array of pixels.
        channels: What follows rows and columns in its shape.
        is_8bit: Made of uint8 sRGB, else of float32 values.
    """

    name: str
    number: int
    dtype: type[np.generic]
    channels: tuple[int, ...]
    is_8bit: bool

    @property
    def black(self) -> np.ndarray:
        """One pixel."""
        pixel: np.ndarray = self.of(np.zeros((1, 1, 3), np.uint8 if self.is_8bit else np.float32), "linear")[0, 0]
        return pixel

    def empty(self, height: int, width: int) -> np.ndarray:
        """Pixels to write into."""
        return np.empty((height, width, *self.channels), self.dtype)

    def of(self, values: np.ndarray, transfer: str) -> np.ndarray:
        """Pixels of (h, w, 3) values: uint8 where `is_8bit`, else float32, clipped to what `transfer` allows."""
        if not self.is_8bit:
            np.clip(values, 0.0, SRGB_PEAK if transfer == "srgb8" else None, out=values)
        if self.name == "rgb9e5":
            return rgb9e5_of(values)
        if self.dtype == np.float16:
            with np.errstate(over="ignore"):  # what a half does not hold is infinite
                values = values.astype(np.float16)
        if self.channels == (4,):
            opaque = np.full((*values.shape[:2], 1), 255 if self.is_8bit else 1, values.dtype)
            values = np.concatenate([values, opaque], axis=2)
        return values


_ALL = (
    PixelFormat("uint8", 0, np.uint8, (3,), True),
    PixelFormat("rgba8", 1, np.uint8, (4,), True),
    PixelFormat("float32", 2, np.float32, (3,), False),
    PixelFormat("float16", 3, np.float16, (3,), False),
    PixelFormat("rgba16f", 4, np.float16, (4,), False),
    PixelFormat("rgb9e5", 5, np.uint32, (), False),
)
FORMATS = {one.name: one for one in _ALL}
UINT8, FLOAT32 = FORMATS["uint8"], FORMATS["float32"]


def rgb9e5_of(values: np.ndarray) -> np.ndarray:
    """Shared-exponent words: nine bits a channel, red lowest, and five of exponent.

    Args:
        values: (h, w, 3) float32 >= 0.

    Returns:
        (h, w) uint32.

    Source: OpenGL extension EXT_texture_shared_exponent.
    """
    clipped = np.minimum(values, np.float32(65408.0))
    largest = clipped.max(axis=2)
    # floor(log2): frexp's mantissa is in 0.5..1, but for 0
    exponent = np.where(largest > 0, np.maximum(np.frexp(largest)[1] - 1, -16), -16) + 16
    scale = np.ldexp(np.float32(1.0), 24 - exponent).astype(np.float32)
    grows = np.floor(largest * scale + np.float32(0.5)) == 512
    exponent, scale = exponent + grows, np.where(grows, scale * np.float32(0.5), scale)
    words = np.floor(clipped * scale[..., None] + np.float32(0.5)).astype(np.uint32)
    packed: np.ndarray = exponent.astype(np.uint32) << 27 | words[..., 2] << 18 | words[..., 1] << 9 | words[..., 0]
    return packed
