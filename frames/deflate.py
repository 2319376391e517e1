"""Deflate, of which PNG and TIFF have streams: how much it holds, and whether it is whole."""

from __future__ import annotations

import zlib

DEFLATE_RATIO = 1032
"""No byte of it stands for more: 258 bytes in two bits. Source: RFC 1951, 3.2.5."""
_PIECE_BYTES = 1 << 16


def inflated_bytes(inflate: zlib._Decompress, data: bytes) -> int:
    """How many bytes some more of a stream becomes; they are not held.

    Args:
        inflate: Of the stream, as far as it was looked at.
        data: What follows.

    Raises:
        zlib.error: it is damaged: no such stream, or other bytes than its checksum tells.
    """
    found = 0
    while data and not inflate.eof:
        found += len(inflate.decompress(data, _PIECE_BYTES))
        data = inflate.unconsumed_tail
    return found
