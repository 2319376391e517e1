"""Pictures that Pillow reads, of 8 bits per channel, and what it says of deeper ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from .color_profile import other_than_srgb
from .deflate import DEFLATE_RATIO
from .errors import DataError
from .picture import ORIENTATION_TAG, Picture, picture_of
from .png_chunks import damaged_chunk, has_all_rows
from .silence import silenced

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_BIT_DEPTH_OFFSET = 24
_PLAIN_MODES = {"1", "L", "RGB", "P"}
_ALPHA_MODES = {"LA", "RGBA", "PA", "La", "RGBa"}
_PILLOW_FORMATS = ("PNG", "JPEG", "TGA", "BMP", "TIFF", "WEBP")


class NoImageError(DataError):
    """A file is none of the kinds that Pillow reads."""


def opened(path: Path) -> Image.Image:
    """A loaded image of one picture."""
    try:
        with silenced(), Image.open(path, formats=_PILLOW_FORMATS) as image:  # what is too large is an error as well
            count = getattr(image, "n_frames", 1)
            if count > 1:
                raise DataError(f"{path}: expected one picture, found {count} in the file")
            if image.format == "PNG":
                _check_png(image, path)
            image.load()
            if image.format == "PNG" and _may_lack_rows(image) and not has_all_rows(path):
                raise DataError(f"{path}: cannot be read: its data end before its last row; damaged")
            if image.format == "PNG" and (kind := damaged_chunk(path)) is not None:
                raise DataError(f"{path}: cannot be read: its chunk {kind} is not what was written; damaged")
    except UnidentifiedImageError as error:
        raise NoImageError(f"{path}: expected an image, found something else (cannot be identified)") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: image too large, expected frames of this size as arrays (.npy): {error}") from error
    except DataError:
        raise
    except Exception as error:  # Pillow's readers raise what a damaged file makes them stumble over
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path}: cannot be read: {reason}") from error
    return image


def _check_png(image: Image.Image, path: Path) -> None:
    """Refuse a size that no file of so few bytes can fill, before memory for it is taken.

    Raises:
        DataError: it is so.
    """
    n_bytes = path.stat().st_size
    if image.width * image.height > 8 * DEFLATE_RATIO * n_bytes:  # a bit for each texel at least
        raise DataError(
            f"{path}: cannot be read: {n_bytes} bytes cannot hold {image.width} x {image.height} texels; damaged"
        )


def _may_lack_rows(image: Image.Image) -> bool:
    """Whether the last row is zeros: most pictures need no second look."""
    last = image.crop((0, image.height - 1, *image.size))
    return bool(image.info.get("interlace")) or not last.tobytes().strip(b"\0")


def orientation_of(image: Image.Image, path: Path) -> int:
    try:
        turned: int = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception as error:  # as above
        raise DataError(f"{path}: cannot be read: its EXIF block is damaged: {error}") from error
    return turned


def png_depth(path: Path) -> int:
    """Bits of a sample; 0 of what is no PNG."""
    with path.open("rb") as file:
        header = file.read(_PNG_BIT_DEPTH_OFFSET + 1)
    is_png = header.startswith(_PNG_SIGNATURE) and len(header) > _PNG_BIT_DEPTH_OFFSET
    return header[-1] if is_png else 0


def _is_tga_of_16_bits(image: Image.Image, path: Path) -> bool:
    """Whether the alpha of a picture is a bit of which readers hold that 1 is opaque, that 0 is, or that it is none."""
    if image.format != "TGA":
        return False
    with path.open("rb") as file:
        header = file.read(18)
    return header[2] in (2, 10) and header[16] == 16


def read_8_bit(path: Path) -> Picture:
    if (depth := png_depth(path)) > 8:  # Pillow would give the upper half of each sample
        raise DataError(f"{path}: expected 8 bits by its name, found a PNG of 16; name it .png")
    image = opened(path)
    if isinstance(image, TiffImagePlugin.TiffImageFile) and max(image.tag_v2.get(258, (1,))) > 8:
        raise DataError(f"{path}: expected 8 bits by its name, found a TIFF of more; name it .tif")
    orientation = orientation_of(image, path)
    if depth in (2, 4) and image.mode == "L" and "transparency" in image.info:  # Pillow scales the samples alone
        image.info["transparency"] *= 255 // ((1 << depth) - 1)
    if _is_tga_of_16_bits(image, path):
        picture = picture_of(np.asarray(image.convert("RGB")), False, path)
    elif image.has_transparency_data:
        if image.mode not in _PLAIN_MODES | _ALPHA_MODES:
            raise DataError(f"{path}: expected 8-bit RGB, gray or palette, found mode {image.mode}")
        plain = image.convert("LA") if image.mode == "La" else image  # not in one step
        picture = picture_of(np.asarray(plain.convert("RGBA")), True, path)
    elif image.mode in _PLAIN_MODES:
        picture = picture_of(np.asarray(image.convert("RGB")), False, path)
    else:
        raise DataError(f"{path}: expected 8-bit RGB, gray or palette, found mode {image.mode}")
    return replace(picture.upright(orientation), colors=other_than_srgb(image.info.get("icc_profile")))


def decoded(path: Path, what: str, decode: Callable[[bytes], np.ndarray]) -> np.ndarray:
    try:
        data = path.read_bytes()
        with silenced():
            return decode(data)
    except (OSError, RuntimeError, ValueError, IndexError, MemoryError) as error:
        raise DataError(f"{path}: cannot be read as {what}: {' '.join(str(error).split())}") from error
