"""What stored values mean: sRGB codes, linear radiance, or radiance that an engine packed into 8-bit RGBA.

docs/frames.md "Encodings" names the engines. Sources: RGBM, Brian Karis, "RGBM color encoding", 2009; RGBD, Marcin
Ignac, "The difference between RGBM and RGBD", 2010; LogLuv, Marco Salvi's NAO32 as written by Christer Ericson, 2007.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .errors import DataError
from .picture import Picture

NAMES = "none, srgb, linear, dldr, rgbm:RANGE, rgbd:RANGE or logluv"
DLDR_RANGE, DLDR_EXPONENT = 2.0, 2.2
_INVERSE_LUV = np.array([[6.0014, -2.7008, -1.7996], [-1.3320, 3.1029, -5.7721], [0.3008, -1.0882, 5.6268]])


def srgb_to_linear(share: np.ndarray) -> np.ndarray:
    """(...) values on the sRGB curve, 1.0 is white, to linear light. Source: IEC 61966-2-1."""
    share = np.asarray(share, np.float64)
    return np.where(share <= 0.04045, share / 12.92, (np.maximum(share, 0.04045) / 1.055 + 0.055 / 1.055) ** 2.4)


def shares(values: np.ndarray) -> np.ndarray:
    """Stored values as float64 shares of their largest code; floating point as it is."""
    largest = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
    return np.asarray(values, np.float64) / largest


@dataclass(frozen=True)
class Encoding:
    """How stored values become codes or radiance.

    Attributes:
        name: As given.
        unpack: (H, W, 3) and (H, W) shares 0..1 to radiance, where alpha holds a part of the color; else None.
    """

    name: str
    unpack: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None

    @property
    def uses_alpha(self) -> bool:
        """Whether alpha is a part of the color, and no mask."""
        return self.unpack is not None

    def decode(self, picture: Picture, where: object) -> np.ndarray:
        """(H, W, 3) uint8 sRGB codes, or float32 linear radiance.

        Without an encoding ("none") integers are on the sRGB curve and floating point is linear; 8-bit codes are kept,
        deeper ones become radiance, 1.0 is white.

        Args:
            picture: Of a file.
            where: The file, for the message.

        Raises:
            DataError: the encoding needs 8-bit RGBA, and the picture is another.
        """
        rgb = picture.rgb
        if self.unpack is not None:
            if picture.alpha is None or rgb.dtype.kind == "f":
                found = "floating point" if rgb.dtype.kind == "f" else "no alpha channel"
                raise DataError(f"{where}: expected integer RGBA for --encoding {self.name}, found {found}")
            return self.unpack(shares(rgb), shares(picture.alpha)).astype(np.float32)
        curve = self.name if self.name != "none" else "linear" if rgb.dtype.kind == "f" else "srgb"
        if curve == "srgb" and rgb.dtype == np.uint8:
            return rgb
        if curve == "dldr":
            return ((DLDR_RANGE * shares(rgb)) ** DLDR_EXPONENT).astype(np.float32)
        if curve == "srgb":
            return srgb_to_linear(shares(rgb)).astype(np.float32)
        return rgb if rgb.dtype == np.float32 else shares(rgb).astype(np.float32)


def _logluv(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    log_luminance = rgb[..., 2] * 255 + alpha
    y = np.exp2((log_luminance - 127) / 2)
    z = y / np.maximum(rgb[..., 1], 1e-6)
    luv = np.stack([rgb[..., 0] * z, y, z], axis=-1)
    luv[~rgb.any(axis=-1)] = 0  # black
    return np.asarray(np.maximum(luv @ _INVERSE_LUV, 0))


def encoding_of(text: str) -> Encoding:
    """The encoding of that name.

    Args:
        text: "none", "srgb", "linear", "dldr", "logluv"; "rgbm:RANGE" for (rgb * a * RANGE) ** EXPONENT or
            "rgbd:RANGE" for (rgb / a * RANGE / 255) ** EXPONENT, with ":EXPONENT" behind where it is not 1.

    Raises:
        DataError: there is none of that name.
    """
    name, *numbers = text.strip().lower().split(":")
    if name in ("none", "srgb", "linear", "dldr") and not numbers:
        return Encoding(name)
    if name == "logluv" and not numbers:
        return Encoding(name, _logluv)
    try:
        scale, exponent = [float(number) for number in [*numbers, "1"][:2]]
        usable = name in ("rgbm", "rgbd") and len(numbers) <= 2
    except ValueError:
        usable = False
    if not usable or not all(math.isfinite(value) and value > 0 for value in (scale, exponent)):
        raise DataError(f"--encoding: expected {NAMES}, found {text!r}")
    if name == "rgbm":
        return Encoding(text, lambda rgb, alpha: (rgb * alpha[..., None] * scale) ** exponent)
    # three.js and others divide by alpha as it is; 0 stands for the darkest divisor that is not it
    return Encoding(text, lambda rgb, alpha: (rgb * (scale / 255) / np.maximum(alpha, 1 / 255)[..., None]) ** exponent)
