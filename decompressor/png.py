"""PNG files of 8-bit codes, fast to write. Source: W3C, "Portable Network Graphics (PNG) Specification", edition 3."""

from __future__ import annotations

import struct
import zlib

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB = 0, 2  # color types
UP = 2  # filter: the difference to the row above, which suits what is smooth and costs one pass
COMPRESSION = 1  # fast; the frames are for a scorer or a tool, not for keeping


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def png_of(codes: np.ndarray, software: str) -> bytes:
    """A PNG file.

    Args:
        codes: (h, w, 3) RGB or (h, w) gray, uint8.
        software: What the file says it was written by.
    """
    height, width = codes.shape[:2]
    rows = codes.reshape(height, -1)
    filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = UP
    filtered[:1, 1:] = rows[:1]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">2I5B", width, height, 8, RGB if codes.ndim == 3 else GRAY, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"tEXt", b"Software\0" + software.encode("latin-1")),
        (b"IDAT", zlib.compress(filtered.data, COMPRESSION)),
        (b"IEND", b""),
    )
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)
