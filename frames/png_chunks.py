"""What the chunks of a PNG tell that image readers leave out: rows that are missing, values that are linear."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

_SIGNATURE_BYTES = 8
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_WHOLE = ((0, 0, 1, 1),)
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Columns and rows of each pass: first ones, and steps. Source: PNG specification, "Interlacing"."""
_PIECE_BYTES = 1 << 16
_GAMMA_1 = 100_000  # of gAMA, in hundred-thousandths
_LINEAR = 8  # of cICP's transfer functions. Source: ITU-T H.273, table 3


def has_all_rows(path: Path) -> bool:
    """Whether the data of a PNG, which an image reader took, are as long as its header says.

    Readers leave those rows black that a writer which was interrupted left out.

    Raises:
        OSError: it cannot be read.
    """
    chunks = _chunks(path)
    _, header = next(chunks)
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", header[:13])
    expected = 0
    for x, y, step_x, step_y in _ADAM7 if interlaced else _WHOLE:
        columns, rows = -((x - width) // step_x), -((y - height) // step_y)
        if columns > 0 and rows > 0:
            expected += rows * (1 + (columns * depth * _CHANNELS[color] + 7) // 8)  # the first byte is the filter's
    inflate, found = zlib.decompressobj(), 0
    for kind, data in chunks:
        while kind == b"IDAT" and data and not inflate.eof:
            found += len(inflate.decompress(data, _PIECE_BYTES))
            data = inflate.unconsumed_tail
    return found >= expected


def says_linear(path: Path) -> bool:
    """Whether a PNG, which an image reader took, says that its values are linear.

    Source: PNG specification, "Color space information": cICP goes before iCCP, this before sRGB, this before gAMA.

    Raises:
        OSError: it cannot be read.
    """
    head = dict(_chunks(path, until=b"IDAT"))  # which may be the whole file
    if b"cICP" in head:
        return head[b"cICP"][1:2] == bytes([_LINEAR])
    return not head.keys() & {b"iCCP", b"sRGB"} and head.get(b"gAMA") == struct.pack(">I", _GAMMA_1)


def _chunks(path: Path, until: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
    with path.open("rb") as file:
        file.seek(_SIGNATURE_BYTES)
        while len(head := file.read(8)) == 8:
            n_bytes, kind = struct.unpack(">I4s", head)
            if kind == until:
                return
            yield kind, file.read(n_bytes)
            file.seek(4, 1)  # the CRC
