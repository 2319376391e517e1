"""Decode one 8-bit image file to RGB codes, or say by name why it is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from .errors import DataError

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_BIT_DEPTH_OFFSET = 24  # pillow turns 16-bit RGB into 8-bit RGB without a word, so the header is asked
_PLAIN_MODES = {"1", "L", "RGB", "P"}
_ALPHA_MODES = {"LA", "RGBA", "PA", "La", "RGBa"}


def _refuse_16_bit(path: Path) -> None:
    with path.open("rb") as file:
        header = file.read(_PNG_BIT_DEPTH_OFFSET + 1)
    if header.startswith(_PNG_SIGNATURE) and len(header) > _PNG_BIT_DEPTH_OFFSET:
        bits = header[_PNG_BIT_DEPTH_OFFSET]
        if bits > 8:
            raise DataError(f"{path}: expected 8 bits per channel, found {bits}; convert the frames to 8-bit PNG")


def _open(path: Path) -> Image.Image:
    try:
        _refuse_16_bit(path)
        with Image.open(path) as image:
            image.load()
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: expected a PNG or JPEG image, found something else (cannot be identified)") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: image too large: {error}") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path}: cannot be read: {reason}") from error
    return image


def read_rgb_codes(path: Path) -> np.ndarray:
    """Read an image as sRGB codes.

    Grey is repeated into three channels, palettes are resolved, an alpha channel is dropped when it is
    opaque everywhere.

    Args:
        path: PNG or JPEG file, 8 bits per channel.

    Returns:
        (H, W, 3) uint8.

    Raises:
        DataError: unreadable, 16 bits per channel, translucent, CMYK or another mode without plain RGB codes.
    """
    image = _open(path)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in _ALPHA_MODES:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
        if alpha.min() < 255:
            raise DataError(
                f"{path}: expected an opaque image, found alpha down to {int(alpha.min())}; "
                "drop the alpha channel, and give invalid texels by --mask"
            )
    elif image.mode not in _PLAIN_MODES:
        raise DataError(f"{path}: expected 8-bit RGB, grey or palette, found mode {image.mode}")
    return np.asarray(image.convert("RGB"), dtype=np.uint8)


def read_mask(path: Path, height: int, width: int) -> np.ndarray:
    """Read a mask image of known size.

    Args:
        path: Image file; codes of 128 and more mean valid (any channel).
        height: Expected H, rows.
        width: Expected W, columns.

    Returns:
        (H, W) bool.

    Raises:
        DataError: unreadable, of another size, or without one valid texel.
    """
    codes = read_rgb_codes(path)
    if codes.shape[:2] != (height, width):
        raise DataError(
            f"{path}: mask must have the size of the frames: expected {width} x {height}, "
            f"found {codes.shape[1]} x {codes.shape[0]}"
        )
    valid: np.ndarray = codes.max(axis=2) >= 128
    if not valid.any():
        raise DataError(f"{path}: expected at least one valid texel (code >= 128), found none")
    return valid
