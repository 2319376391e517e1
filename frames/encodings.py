"""What stored values mean: sRGB codes, linear radiance, or radiance that an engine packed into 8-bit RGBA.

docs/frames.md "Encodings" names the engines. Sources: RGBM, Brian Karis, "RGBM color encoding", 2009; RGBD, Marcin
Ignac, "The difference between RGBM and RGBD", 2010; LogLuv, Marco Salvi's NAO32 as written by Christer Ericson, 2007.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .errors import DataError
from .picture import Picture

NAMES = "none, srgb, linear, dldr, rgbm:RANGE, rgbd:RANGE or logluv"
UNITY_EXPONENT = 2.2
"""Unity scales in gamma space: a factor of 2 there is 4.59 in linear light, the RGBM range 5 is 34.49."""
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
        unpack: (H, W, 3) and (H, W) shares 0..1, and the least share that is not 0, to radiance, where alpha holds a
            part of the color; else None.
    """

    name: str
    unpack: Callable[[np.ndarray, np.ndarray, float], np.ndarray] | None = None

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
            with np.errstate(over="ignore", invalid="ignore"):  # told as infinite or NaN radiance, with its place
                least = 1 / np.iinfo(picture.alpha.dtype).max
                return self.unpack(shares(rgb), shares(picture.alpha), least).astype(np.float32)
        curve = self.name if self.name != "none" else "linear" if rgb.dtype.kind == "f" else "srgb"
        if curve == "srgb" and rgb.dtype == np.uint8:
            return rgb
        if curve == "dldr":
            return np.asarray(2.0**UNITY_EXPONENT * srgb_to_linear(shares(rgb)), np.float32)
        if curve == "srgb":
            return np.asarray(srgb_to_linear(shares(rgb)), np.float32)
        return rgb if rgb.dtype == np.float32 else shares(rgb).astype(np.float32)


def _logluv(rgb: np.ndarray, alpha: np.ndarray, _least: float) -> np.ndarray:
    log_luminance = rgb[..., 2] * 255 + alpha
    y = np.exp2((log_luminance - 127) / 2)
    z = y / np.maximum(rgb[..., 1], 1e-6)
    luv = np.stack([rgb[..., 0] * z, y, z], axis=-1)
    luv[~rgb.any(axis=-1)] = 0  # black
    return np.asarray(np.maximum(luv @ _INVERSE_LUV, 0))


def encoding_of(text: str) -> Encoding:
    """The encoding of that name.

    Args:
        text: "none", "srgb", "linear", "dldr", "logluv"; "rgbm:RANGE" for rgb * a * RANGE or "rgbd:RANGE" for
            rgb / a * RANGE / 255, all of it to the power of EXPONENT with ":EXPONENT" behind; with ":srgb" behind, rgb
            is on the sRGB curve and the factor is to the power of 2.2, as in Unity.

    Raises:
        DataError: there is none of that name.
    """
    name = text.strip().lower()
    if name in ("none", "srgb", "linear", "dldr"):
        return Encoding(name)
    if name == "logluv":
        return Encoding(name, _logluv)
    found = re.fullmatch(r"(rgbm|rgbd):([^:]+)(?::([^:]+))?", name)
    is_srgb = found is not None and found[3] == "srgb"
    try:
        scale = float(found[2]) if found else 0.0
        exponent = UNITY_EXPONENT if is_srgb else float(found[3] or 1) if found else 0.0
    except ValueError:
        scale = exponent = 0.0
    if found is None or not (0 < scale < math.inf and 0 < exponent < math.inf):
        raise DataError(f"--encoding: expected {NAMES}, found {text!r}")
    multiplies = found[1] == "rgbm"

    def unpack(rgb: np.ndarray, alpha: np.ndarray, least: float) -> np.ndarray:
        # divisors of 0 stand for the darkest one that is not it
        factor = scale * alpha if multiplies else scale / 255 / np.maximum(alpha, least)
        colors = srgb_to_linear(rgb) if is_srgb else rgb**exponent
        return np.asarray(colors * (factor**exponent)[..., None])

    return Encoding(text, unpack)
