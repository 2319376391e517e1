"""The kinds of files that hold a frame, and how each is read.

Pillow reads what has 8 bits per channel; 16-bit PNG, deeper TIFF and Radiance need imagecodecs, EXR needs OpenEXR.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from todpack.decompressor.errors import needs

from .color_profile import other_than_srgb
from .errors import DataError
from .exr import read_exr
from .npy import ArrayFile
from .picture import Picture, picture_of, refuse_pointer
from .pillow_images import NoImageError, decoded, opened, orientation_of, png_depth, read_8_bit
from .png_chunks import other_colors
from .radiance_hdr import read_radiance
from .tiff import read_tiff


def _read_png(path: Path) -> Picture:
    if png_depth(path) <= 8:
        picture = read_8_bit(path)
        return replace(picture, colors=picture.colors or other_colors(path))
    with needs("hdr", f"{path}: a PNG of 16 bits"):
        import imagecodecs
    image = opened(path)  # refuses animated ones, too
    orientation = orientation_of(image, path)
    values = decoded(path, "PNG", imagecodecs.png_decode)
    picture = picture_of(values, values.ndim == 3 and values.shape[2] in (2, 4), path)
    colors = other_than_srgb(image.info.get("icc_profile")) or other_colors(path)
    return replace(picture.upright(orientation), colors=colors)


def array_picture(values: np.ndarray, path: Path) -> Picture:
    """The picture of an array (H, W), (H, W, 1..4); 2 and 4 channels have alpha."""
    return picture_of(values, values.ndim == 3 and values.shape[2] in (2, 4), path)


def _read_npy(path: Path) -> Picture:
    return array_picture(ArrayFile(path).whole(), path)


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        name: For the user.
        suffixes: Lower case.
        read: Gives the picture of a file, or raises DataError.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path], Picture]


# in order of preference, where a folder holds the same day in several kinds: exact before lossy, deep before 8 bits
KINDS = (
    Kind("EXR", (".exr",), read_exr),
    Kind("HDR", (".hdr", ".rgbe"), read_radiance),
    Kind("NPY", (".npy",), _read_npy),
    Kind("TIFF", (".tif", ".tiff"), read_tiff),
    Kind("PNG", (".png",), _read_png),
    Kind("TGA", (".tga",), read_8_bit),
    Kind("BMP", (".bmp",), read_8_bit),
    Kind("WebP", (".webp",), read_8_bit),
    Kind("JPEG", (".jpg", ".jpeg"), read_8_bit),
)


def kind_of(path: Path) -> Kind | None:
    """The kind of a file by its suffix."""
    suffix = path.suffix.lower()
    return next((kind for kind in KINDS if suffix in kind.suffixes), None)


def read_picture(path: Path, layer: str | None = None) -> Picture:
    """Read a file of any kind; one of another suffix is taken for an image of 8 bits.

    Args:
        path: The file.
        layer: Of an EXR file, whose R, G and B are to be read.

    Raises:
        DataError: it is unreadable, something else, or needs a package that is not installed.
    """
    refuse_pointer(path)
    found = kind_of(path)
    if found is not None and found.read is read_exr:
        return read_exr(path, layer)
    if found is not None and layer is not None:
        raise DataError(f"{path}: expected an EXR file for --layer, found one of {found.name}")
    try:
        return read_8_bit(path) if found is None else found.read(path)
    except NoImageError as error:
        kind = f"an image ({', '.join(one.name for one in KINDS)})" if found is None else f"a {found.name} image"
        raise DataError(f"{path}: expected {kind}, found something else (cannot be identified)") from error


def read_rgb_codes(path: Path) -> np.ndarray:
    """Read an opaque image of 8 bits as (H, W, 3) uint8 codes.

    Raises:
        DataError: it is unreadable, deeper, or not opaque.
    """
    picture = read_picture(path)
    if picture.rgb.dtype != np.uint8:
        raise DataError(f"{path}: expected 8 bits per channel, found values of {picture.rgb.dtype}")
    if picture.alpha is not None and picture.alpha.min() < 255:
        raise DataError(f"{path}: expected an opaque image, found alpha down to {int(picture.alpha.min())}")
    return picture.rgb
