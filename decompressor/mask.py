"""Which texels are valid: bytes <-> (H, W) bool. FORMAT.md "Mask".

Masks of atlases are unions of near-rectangles, so what is stored are the distances from corner to corner.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from . import c_module
from .counted_sections import CountedSections
from .errors import InvalidMetadataError
from .forks import importing
from .grid import ceil_div
from .metadata import LightmapEntry
from .turns import Turn

ROWS, COLUMNS, PACKED, ADAPTIVE = range(4)
TEXEL_S, SERIAL_TEXEL_S = 3e-9, 7e-7
"""Seconds on one core for each texel, and in adaptive bits where no C module reads them."""
STRIP_TEXELS = 1 << 22  # at a time, so that a mask of gigatexels is held as bits alone
_ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1, dtype=np.uint8)  # of each byte


def unpack_mask(packed: np.ndarray, width: int) -> np.ndarray:
    """(H, W) bool of (H, ceil(W / 8)) uint8, the highest bit of a byte first."""
    return np.unpackbits(packed, axis=1, count=width).view(bool)


def decode_mask(data: bytes, height: int, width: int) -> np.ndarray:
    """Decode a mask, strip by strip.

    Args:
        data: Kind byte and payload.
        height: H, rows.
        width: W, columns.

    Returns:
        (H, ceil(W / 8)) uint8, one bit for each texel, see `unpack_mask`.

    Raises:
        ValueError: not a mask of this size.
    """
    n_texels = height * width
    if not data or data[0] > ADAPTIVE:
        raise ValueError("expected a mask of kind 0, 1, 2 or 3, found another")
    if data[0] == ADAPTIVE:
        with importing.raw:
            from .packed_mask import unpack_texels  # what it takes is not loaded where nothing needs it

        return np.packbits(unpack_texels(data[1:], height, width), axis=1)
    stored = np.frombuffer(data, np.uint8, offset=1)
    packed = np.empty((height, ceil_div(width, 8)), np.uint8)
    if data[0] == PACKED:
        if stored.size != ceil_div(n_texels, 8):
            raise ValueError(f"expected one bit for each of {n_texels} texels, found {stored.size} bytes")
        step = 8 * max(1, STRIP_TEXELS // (8 * width))  # strips begin with a byte
        for top in range(0, height, step):
            rows = min(step, height - top)
            bits = np.unpackbits(stored[top * width // 8 :][: ceil_div(rows * width, 8)], count=rows * width)
            packed[top : top + rows] = np.packbits(bits.reshape(rows, width), axis=1)
    elif data[0] == ROWS:
        for top, strip in _filled(stored, height, width):
            packed[top : top + len(strip)] = strip
    else:
        for left, strip in _filled(stored, width, height):
            columns = _packed_columns(np.unpackbits(strip, axis=1, count=height))
            packed[:, left // 8 :][:, : len(columns)] = columns.T
    return packed


def _packed_columns(rows: np.ndarray) -> np.ndarray:
    """(ceil(h / 8), W) uint8 of (h, W) zeros and ones: eight rows in a byte, the first one its highest bit.

    Whole rows at a time: of a transposed strip each bit is in another line of the caches.
    """
    packed = np.zeros((ceil_div(len(rows), 8), rows.shape[1]), np.uint8)
    for bit in range(min(8, len(rows))):
        some = rows[bit::8]
        packed[: len(some)] |= some << (7 - bit)
    return packed


def _filled(stored: np.ndarray, height: int, width: int) -> Iterator[tuple[int, np.ndarray]]:
    """Strips of rows between the corners: the first row's number, a multiple of 8, and (h, ceil(W / 8)) bits."""
    n_texels = height * width
    if stored.size > n_texels + n_texels // 255 + 1:
        raise ValueError(f"expected at most one corner for each of {n_texels} texels, found {stored.size} bytes")
    corners = np.cumsum(stored, dtype=np.int64)[stored < 255]
    if corners.size and corners[-1] >= n_texels:
        raise ValueError("a corner lies beyond the last texel")
    step = 8 * max(1, STRIP_TEXELS // (8 * width))
    above = np.zeros(ceil_div(width, 8), np.uint8)
    for top in range(0, height, step):
        strip = np.zeros((min(step, height - top), width), bool)
        first, end = np.searchsorted(corners, (top * width, (top + len(strip)) * width))
        strip.ravel()[corners[first:end] - top * width] = True
        np.logical_xor.accumulate(strip, axis=1, out=strip)
        packed = np.packbits(strip, axis=1)  # the other way eight texels at a time
        packed[0] ^= above
        np.bitwise_xor.accumulate(packed, axis=0, out=packed)
        above = packed[-1]
        yield top, packed


def _n_ones(packed: np.ndarray) -> int:
    """Bits that are 1, strip by strip."""
    step = max(1, STRIP_TEXELS // (8 * packed.shape[1]))
    tops = range(0, len(packed), step)
    return sum(int(_ONES[packed[top : top + step]].sum(dtype=np.int64)) for top in tops)


def corner_runs(valid: np.ndarray) -> bytes:
    """Distances between the corners of an (H, W) mask in raster order, in bytes; 255 = 255 texels without a corner."""
    above = np.zeros(valid.shape[1], bool)
    places = []
    for y, row in enumerate(valid):  # row by row: a mask of gigatexels needs no second one
        corners = row ^ above
        corners[1:] ^= row[:-1] ^ above[:-1]
        places.append(np.flatnonzero(corners) + y * row.size)
        above = row
    distances = np.diff(np.concatenate(places), prepend=0)
    pieces = distances // 255 + 1
    out = np.full(int(pieces.sum()), 255, np.uint8)
    out[np.cumsum(pieces) - 1] = distances % 255
    return out.tobytes()


class Mask:
    """The mask of a lightmap, read when it is first asked for, by whichever thread comes first; held as bits.

    Args:
        sections: The archive's.
        lightmap: Which lightmap.
        turn: Of all that read masks.
    """

    def __init__(self, sections: CountedSections, lightmap: LightmapEntry, turn: Turn) -> None:
        self._sections, self._lightmap, self._turn = sections, lightmap, turn
        self._packed: np.ndarray | None = None

    def cut(self, rows: slice, columns: slice) -> np.ndarray:
        """(h, w) bool of a part, contiguous.

        Raises:
            ArchiveError: the section is missing, damaged or no mask, or does not have the stated number of valid
                texels.
        """
        packed = self._read()
        if packed is None:
            return np.ones((rows.stop - rows.start, columns.stop - columns.start), bool)
        first = columns.start // 8
        part = unpack_mask(packed[rows, first : ceil_div(columns.stop, 8)], columns.stop - 8 * first)
        return np.ascontiguousarray(part[:, columns.start - 8 * first :])

    @property
    def valid(self) -> np.ndarray:
        """(H, W) bool, read-only; errors as of `cut`."""
        packed, shape = self._read(), (self._lightmap.height, self._lightmap.width)
        if packed is None:
            return np.broadcast_to(np.True_, shape)
        valid = unpack_mask(packed, shape[1])
        valid.flags.writeable = False
        return valid

    def check(self) -> None:
        """Read it; errors as of `cut`."""
        self._read()

    def _read(self) -> np.ndarray | None:
        """The bits; None where every texel is valid."""
        name, (height, width) = self._lightmap.mask, (self._lightmap.height, self._lightmap.width)
        if name is None:
            self._check_count(height * width)
            return None
        packed = self._packed
        return self._turn.do(partial(self._read_once, name, height, width)) if packed is None else packed

    def _read_once(self, name: str, height: int, width: int) -> np.ndarray:
        if self._packed is None:
            with self._sections.time.unless_failed():
                self._packed = self._decoded(name, height, width)
        return self._packed

    def _decoded(self, name: str, height: int, width: int) -> np.ndarray:
        data = self._sections.read_bytes(name)
        is_serial = data[:1] == bytes([ADAPTIVE]) and not c_module.IS_BUILT
        where = f"{self._sections.container.path}: section {name}"
        texel_s = SERIAL_TEXEL_S if is_serial else TEXEL_S
        self._sections.time.take(texel_s * height * width, f"{where}: the mask")
        try:
            packed = decode_mask(data, height, width)
        except ValueError as error:
            raise self._sections.invalid(name, error) from error
        self._check_count(_n_ones(packed))
        return packed

    def _check_count(self, n_found: int) -> None:
        if n_found != self._lightmap.n_valid:
            raise InvalidMetadataError(
                f"{self._sections.container.path}: lightmap {self._lightmap.name}: expected {self._lightmap.n_valid} "
                f"valid texels, found {n_found}"
            )
