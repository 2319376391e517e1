"""The first bytes of a file of plain bits, and what a file of its size may ask for. FORMAT.md "Header"."""

from __future__ import annotations

import struct
from binascii import crc32
from typing import NamedTuple

from todpack.decompressor.daybasis.transform.smoothing import WEIGHT_SCALE

MAGIC, MAGIC_WITH_OUTLIERS = b"TDR5", b"TDR6"
OLD = b"TDR1", b"TDR2", b"TDR3", b"TDR4"
"""Of files with another layout, whose details are bitmaps."""
WITHOUT_CHECKSUM = b"TDR1", b"TDR2"
WITH_OUTLIERS = b"TDR2", b"TDR4", MAGIC_WITH_OUTLIERS
CHECKSUM_BYTES = 4  # behind the header
CURVES = ("none", "square", "exp")
CENTROID_SCALE = 32
TEXEL_BYTES, SAMPLE_BYTES, TABLE_BYTES, MEMORY_PER_BYTE = 64, 32, 160, 48 << 10
"""What decoding takes for each texel, texel of a map that is not empty, and entry of the tables, and what a byte of the
file may ask for; about what decompressor/limits.py and working_set.py allow an archive."""
LEAST_FILE_BYTES = 1024  # what a smaller file may ask for too


def memory_for(file_bytes: int) -> int:
    """Most that a file of this size may ask for."""
    return MEMORY_PER_BYTE * max(file_bytes, LEAST_FILE_BYTES)


def least_file_bytes(memory: int) -> int:
    """Size from which on a file may ask for so much."""
    return 0 if memory <= memory_for(0) else -(-memory // MEMORY_PER_BYTE)


class Header(NamedTuple):
    """The first bytes of a file, in this order; scaled integers say their scale in FORMAT.md."""

    magic: bytes
    height: int
    width: int
    n_hours: int
    n_maps: int
    last_region: int
    n_levels: int
    tile: int
    precision: int
    curve: int
    centroid_one: int
    centroid_more: int
    q_step: float
    knee: float
    smoothing_bound: float
    smoothing_x: int
    smoothing_y: int

    @staticmethod
    def unpack(data: bytes) -> Header:
        """The header of a file.

        Raises:
            ValueError: it is another kind of file; or the numbers make no sense, or ask for more memory than a file of
                this size may.
        """
        if len(data) < HEADER.size or data[: len(MAGIC)] not in (MAGIC, MAGIC_WITH_OUTLIERS, *OLD):
            raise ValueError("expected a lightmap of plain bits, found something else")
        header = Header(*HEADER.unpack_from(data))
        tile_texels = min(header.tile, header.height) * min(header.tile, header.width)
        if not (header._is_sound() and header.memory_bytes(tile_texels) <= memory_for(len(data))):
            raise ValueError("expected a lightmap of plain bits, found numbers in its header that none has")
        return header

    def pack(self) -> bytes:
        """The inverse of `unpack`."""
        return HEADER.pack(*self)

    def _is_sound(self) -> bool:
        return (
            min(self.height, self.width, self.n_hours, self.n_maps) >= 1
            and 1 <= self.n_levels <= 12
            and self.tile >= 8
            and self.curve < len(CURVES)
            and max(abs(self.centroid_one), abs(self.centroid_more)) <= CENTROID_SCALE // 2
            and max(self.smoothing_x, self.smoothing_y) <= WEIGHT_SCALE // 4
            and -64 <= self.precision <= 64
            and 0 < self.q_step <= 1e9
            and 0 <= self.smoothing_bound <= 1e3
            and 0 <= self.knee <= 1e30
        )

    def memory_bytes(self, map_texels: int) -> int:
        """What decoding takes, where so many texels of the maps are decoded."""
        tables = self.n_hours * (3 * self.n_maps + 3) + (self.last_region + 1) * self.n_maps**2
        texels, samples = self.height * self.width, map_texels * self.n_maps
        return TEXEL_BYTES * texels + SAMPLE_BYTES * samples + TABLE_BYTES * tables


HEADER = struct.Struct("<4sHHHHBBHbBbbdfdBB")


def with_checksum(header: Header, content: bytes) -> bytes:
    """A file of its header and the bits that follow."""
    head = header.pack()
    return head + crc32(content, crc32(head)).to_bytes(CHECKSUM_BYTES, "little") + content


def content_of(data: bytes) -> bytes:
    """What follows the header and the checksum.

    Raises:
        ValueError: the file was changed or cut off.
    """
    head, rest = data[: HEADER.size], data[HEADER.size :]
    if head.startswith(WITHOUT_CHECKSUM):
        return rest
    content = rest[CHECKSUM_BYTES:]
    if crc32(content, crc32(head)) != int.from_bytes(rest[:CHECKSUM_BYTES], "little"):
        raise ValueError("checksum does not match; the file is damaged")
    return content
