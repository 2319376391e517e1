"""The kinds of files that hold a frame, and how each is read.

Pillow reads what has 8 bits per channel; 16-bit PNG, deeper TIFF and Radiance need imagecodecs, EXR needs OpenEXR.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from todpack.decompressor.errors import needs

from .color_profile import other_primaries, other_than_srgb
from .errors import DataError
from .exr import read_exr
from .npy import ArrayFile
from .picture import ORIENTATION_TAG, Picture, picture_of, refuse_pointer
from .png_chunks import has_all_rows, other_colors
from .radiance_hdr import read_radiance
from .silence import silenced

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_BIT_DEPTH_OFFSET = 24
DEFLATE_RATIO = 1032
"""No byte of it stands for more: 258 bytes in two bits. Source: RFC 1951, 3.2.5."""
_PLAIN_MODES = {"1", "L", "RGB", "P"}
_ALPHA_MODES = {"LA", "RGBA", "PA", "La", "RGBa"}
ASSOCIATED, STRAIGHT = 1, 2  # kinds of alpha in TIFF
PREDICTED = (5, 8, 32946, 34925, 50000)  # LZW, Deflate twice, LZMA, Zstandard
_PILLOW_FORMATS = ("PNG", "JPEG", "TGA", "BMP", "TIFF", "WEBP")


def _opened(path: Path) -> Image.Image:
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
    except UnidentifiedImageError as error:
        kind = kind_of(path)
        expected = f"an image ({', '.join(one.name for one in KINDS)})" if kind is None else f"a {kind.name} image"
        raise DataError(f"{path}: expected {expected}, found something else (cannot be identified)") from error
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


def _orientation(image: Image.Image, path: Path) -> int:
    try:
        turned: int = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception as error:  # as above
        raise DataError(f"{path}: cannot be read: its EXIF block is damaged: {error}") from error
    return turned


def _png_depth(path: Path) -> int:
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


def _read_8_bit(path: Path) -> Picture:
    if (depth := _png_depth(path)) > 8:  # Pillow would give the upper half of each sample
        raise DataError(f"{path}: expected 8 bits by its name, found a PNG of 16; name it .png")
    image = _opened(path)
    if isinstance(image, TiffImagePlugin.TiffImageFile) and max(image.tag_v2.get(258, (1,))) > 8:
        raise DataError(f"{path}: expected 8 bits by its name, found a TIFF of more; name it .tif")
    orientation = _orientation(image, path)
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


def _decoded(path: Path, what: str, decode: Callable[[bytes], np.ndarray]) -> np.ndarray:
    try:
        data = path.read_bytes()
        with silenced():
            return decode(data)
    except (OSError, RuntimeError, ValueError, IndexError, MemoryError) as error:
        raise DataError(f"{path}: cannot be read as {what}: {' '.join(str(error).split())}") from error


def _read_png(path: Path) -> Picture:
    if _png_depth(path) <= 8:
        picture = _read_8_bit(path)
        return replace(picture, colors=picture.colors or other_colors(path))
    with needs("hdr", f"{path}: a PNG of 16 bits"):
        import imagecodecs
    image = _opened(path)  # refuses animated ones, too
    orientation = _orientation(image, path)
    values = _decoded(path, "PNG", imagecodecs.png_decode)
    picture = picture_of(values, values.ndim == 3 and values.shape[2] in (2, 4), path)
    colors = other_than_srgb(image.info.get("icc_profile")) or other_colors(path)
    return replace(picture.upright(orientation), colors=colors)


@dataclass(frozen=True)
class _TiffTags:
    """What a TIFF file's only page says of its samples. Source: TIFF 6.0."""

    bits: tuple[int, ...]
    kinds: tuple[int, ...]
    extra: tuple[int, ...]
    n_samples: int
    photometric: int | None
    planes: int
    codec: int
    predictor: int
    orientation: int
    profile: bytes | None


def _tags_of(tags: TiffImagePlugin.ImageFileDirectory_v2) -> _TiffTags:
    """ValueError where one is of another type."""

    def several(tag: int, absent: tuple[int, ...]) -> tuple[int, ...]:
        found = tags.get(tag, absent)
        if not isinstance(found, tuple) or not all(isinstance(one, int) for one in found):
            raise ValueError(f"tag {tag}: expected whole numbers, found {found!r:.40}")
        return found or absent

    def one(tag: int, absent: int) -> int:
        found = tags.get(tag, absent)
        if not isinstance(found, int):
            raise ValueError(f"tag {tag}: expected a whole number, found {found!r:.40}")
        return found

    profile = tags.get(34675)
    return _TiffTags(
        several(258, (1,)),
        several(339, (1,)),
        several(338, ()),
        one(277, 1),
        one(262, -1) if 262 in tags else None,
        one(284, 1),
        one(259, 1),
        one(317, 1),
        one(ORIENTATION_TAG, 1),
        profile if isinstance(profile, bytes) else None,
    )


def _tiff_tags(path: Path) -> _TiffTags:
    """Tags of a TIFF file's only page.

    Raises:
        DataError: not a TIFF file, or one of several pages.
    """
    with path.open("rb") as file:
        header = file.read(8)
        if header[:4] == b"MM\0\x2b":  # which Pillow takes for TIFF
            raise DataError(f"{path}: expected TIFF or little-endian BigTIFF, found big-endian BigTIFF")
        if header[2:4] == b"\x2b\0":
            header += file.read(8)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # a cut file is a warning to pillow
                tags = TiffImagePlugin.ImageFileDirectory_v2(header)
                file.seek(tags.next)
                tags.load(file)
                found = _tags_of(tags)
        except (
            UserWarning,
            SyntaxError,
            ValueError,
            OSError,
            struct.error,
            KeyError,
            TypeError,
            OverflowError,
        ) as error:
            raise DataError(f"{path}: expected a TIFF image, found something else: {error}") from error
    if tags.next:
        raise DataError(f"{path}: expected one picture, found several pages in the file")
    return found


def _tiff_samples(n: int, is_rgb: bool, extra: Sequence[int], path: Path) -> tuple[int, int]:
    """How many of n samples are colors, and what alpha the next one is: ASSOCIATED, another, or 0 where it is none.

    Three bands that call themselves gray are colors: GDAL writes floating point so.

    Raises:
        DataError: gray with other samples than these.
    """
    kinds = [kind if kind in (ASSOCIATED, STRAIGHT) else 0 for kind in extra]
    if is_rgb or any(kinds[:1]):
        return 3 if is_rgb else 1, next(iter(kinds), 0)
    if n not in (1, 3, 4):
        raise DataError(f"{path}: expected 1, 3 or 4 samples, or gray with alpha, found {n}")
    return min(n, 3), next(iter(kinds[2:]), 0)


def _are_bands(tags: _TiffTags) -> bool:
    """Whether samples are such as Pillow refuses, or takes the first of for all: bands, and planes but R, G and B."""
    n, photometric = tags.n_samples, tags.photometric or 0
    if tags.planes == 2:
        return n > 1 and (n, photometric) != (3, 2)
    return (photometric == 1 and n > 2) or (photometric == 0 and n > 1)


def _straight(values: np.ndarray) -> np.ndarray:
    """Samples without the alpha that is their last one and was multiplied in, as Pillow gives those of 8 bits."""
    colors, alpha = values[..., :-1], values[..., -1:]
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            colors = np.divide(colors, alpha, out=colors.copy(), where=alpha > 0)
    else:
        most = int(np.iinfo(values.dtype).max)
        straight = np.minimum(colors * np.uint64(most) // np.maximum(alpha, 1), most)
        colors = np.where(alpha > 0, straight, colors).astype(values.dtype)
    return np.concatenate([colors, alpha], -1)


def _read_tiff(path: Path) -> Picture:
    tags = _tiff_tags(path)
    bits, is_rgb = tags.bits, tags.photometric == 2
    if tags.predictor != 1 and tags.codec not in PREDICTED:  # which readers judge differently
        raise DataError(f"{path}: expected a predictor with LZW, Deflate, LZMA or Zstandard alone, found another codec")
    if max(bits) <= 8 and set(tags.kinds) == {1} and not _are_bands(tags):
        picture, turned = _read_8_bit(path), tags.orientation  # by Pillow, which forgets the tag
        return replace(picture, orientation=turned) if turned in range(2, 9) else picture
    if len(set(bits)) > 1 or bits[0] not in (8, 16, 32, 64):
        raise DataError(f"{path}: expected samples of 8, 16, 32 or 64 bits, found {', '.join(map(str, bits))}")
    if tags.photometric not in (1, 2):
        raise DataError(f"{path}: expected RGB or gray TIFF, found photometric interpretation {tags.photometric}")
    with needs("hdr", f"{path}: a TIFF of {max(bits)} bits"):
        import imagecodecs
    values = _decoded(path, "TIFF", imagecodecs.tiff_decode)
    if values.ndim == 3 and tags.planes == 2:  # planes one after another
        values = values.transpose(1, 2, 0)
    has_alpha = False
    if values.ndim == 3:
        n_colors, alpha = _tiff_samples(values.shape[2], is_rgb, tags.extra, path)
        values, has_alpha = values[..., : n_colors + (alpha > 0)], alpha > 0
        if alpha == ASSOCIATED:
            values = _straight(values)
    picture = picture_of(values, has_alpha, path).upright(tags.orientation)
    is_linear = values.dtype.kind == "f"
    return replace(picture, colors=(other_primaries if is_linear else other_than_srgb)(tags.profile))


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
    Kind("TIFF", (".tif", ".tiff"), _read_tiff),
    Kind("PNG", (".png",), _read_png),
    Kind("TGA", (".tga",), _read_8_bit),
    Kind("BMP", (".bmp",), _read_8_bit),
    Kind("WebP", (".webp",), _read_8_bit),
    Kind("JPEG", (".jpg", ".jpeg"), _read_8_bit),
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
    if found is None:
        return _read_8_bit(path)
    if found.read is read_exr:
        return read_exr(path, layer)
    if layer is not None:
        raise DataError(f"{path}: expected an EXR file for --layer, found one of {found.name}")
    return found.read(path)


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
