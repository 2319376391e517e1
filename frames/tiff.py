"""TIFF files: those of 8 bits by Pillow, deeper ones, bands and planes by imagecodecs."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import TiffImagePlugin

from todpack.decompressor.errors import needs

from .color_profile import other_primaries, other_than_srgb
from .deflate import DEFLATE_RATIO, inflated_bytes
from .errors import DataError
from .picture import MAX_TEXELS, ORIENTATION_TAG, Picture, picture_of
from .pillow_images import decoded, read_8_bit

ASSOCIATED, STRAIGHT = 1, 2  # kinds of alpha
MAX_SAMPLES = 1 << 30
RATIOS = {
    1: 1, 5: 4096, 8: DEFLATE_RATIO, 32946: DEFLATE_RATIO, 32773: 64, 50000: 1 << 15, 34925: 1 << 14, 7: 256,
}  # fmt: skip
"""Most bytes that one byte stands for, rounded up: of no codec, LZW (a whole table of codes), Deflate twice, PackBits,
Zstandard (a block of one value), LZMA, JPEG (a block in four bits)."""
DEFLATE = (8, 32946)
PREDICTED = (5, 8, 32946, 34925, 50000)  # LZW, Deflate twice, LZMA, Zstandard


@dataclass(frozen=True)
class _TiffTags:
    """What a TIFF file's only page says of its samples. Source: TIFF 6.0."""

    width: int
    height: int
    bits: tuple[int, ...]
    kinds: tuple[int, ...]
    extra: tuple[int, ...]
    n_samples: int
    photometric: int | None
    planes: int
    codec: int
    predictor: int
    orientation: int
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
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
        one(256, 0),
        one(257, 0),
        several(258, (1,)),
        several(339, (1,)),
        several(338, ()),
        one(277, 1),
        one(262, -1) if 262 in tags else None,
        one(284, 1),
        one(259, 1),
        one(317, 1),
        one(ORIENTATION_TAG, 1),
        several(273, ()) or several(324, ()),  # of strips or tiles
        several(279, ()) or several(325, ()),
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


def _check_size(tags: _TiffTags, path: Path) -> None:
    """Refuse a size that is no frame's, or that so few bytes cannot fill, before memory for it is taken.

    Raises:
        DataError: it is so.
    """
    size, n_texels = f"{tags.width} x {tags.height} texels", tags.width * tags.height
    if not (0 < n_texels <= MAX_TEXELS and 0 < n_texels * tags.n_samples <= MAX_SAMPLES):
        raise DataError(f"{path}: expected 1..{MAX_TEXELS} texels, found {size} of {tags.n_samples} samples")
    n_bytes, ratio = path.stat().st_size, RATIOS.get(tags.codec)
    if ratio is not None and n_texels * tags.n_samples * tags.bits[0] > 8 * ratio * n_bytes:
        raise DataError(f"{path}: cannot be read: {n_bytes} bytes cannot hold {size}; damaged")


def _check_streams(tags: _TiffTags, path: Path) -> None:
    """Compare Deflate's checksums, which image readers leave out: a damaged file would be read as other texels.

    Raises:
        DataError: one does not match.
    """
    if tags.codec not in DEFLATE:
        return
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        for offset, size in zip(tags.offsets, tags.sizes, strict=False):  # what is missing readers tell
            file.seek(min(max(offset, 0), n_bytes))
            try:
                inflated_bytes(zlib.decompressobj(), file.read(min(max(size, 0), n_bytes)))
            except zlib.error as error:
                raise DataError(
                    f"{path}: cannot be read: its data are not what was written; damaged: {error}"
                ) from error


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


def read_tiff(path: Path) -> Picture:
    tags = _tiff_tags(path)
    bits, is_rgb = tags.bits, tags.photometric == 2
    if tags.predictor != 1 and tags.codec not in PREDICTED:  # which readers judge differently
        raise DataError(f"{path}: expected a predictor with LZW, Deflate, LZMA or Zstandard alone, found another codec")
    if max(bits) <= 8 and set(tags.kinds) == {1} and not _are_bands(tags):
        _check_streams(tags, path)
        picture, turned = read_8_bit(path), tags.orientation  # by Pillow, which forgets the tag
        return replace(picture, orientation=turned) if turned in range(2, 9) else picture
    if len(set(bits)) > 1 or bits[0] not in (8, 16, 32, 64):
        raise DataError(f"{path}: expected samples of 8, 16, 32 or 64 bits, found {', '.join(map(str, bits))}")
    if tags.photometric not in (1, 2):
        raise DataError(f"{path}: expected RGB or gray TIFF, found photometric interpretation {tags.photometric}")
    _check_size(tags, path)
    _check_streams(tags, path)
    with needs("hdr", f"{path}: a TIFF of {max(bits)} bits"):
        import imagecodecs
    values = decoded(path, "TIFF", imagecodecs.tiff_decode)
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
