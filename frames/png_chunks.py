"""What the chunks of a PNG tell that image readers leave out: rows that are missing, values that are linear."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from .color_profile import other_than_bt709
from .deflate import inflated_bytes

_SIGNATURE_BYTES = 8
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_WHOLE = ((0, 0, 1, 1),)
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Columns and rows of each pass: first ones, and steps. Source: PNG specification, "Interlacing"."""
NEAR_GAMMA = 0.03
_BT709, _LINEAR, _SRGB = 1, 8, 13  # of cICP's primaries and transfer functions. Source: ITU-T H.273, tables 2 and 3


def has_all_rows(path: Path) -> bool:
    """Whether the data of a PNG, which an image reader took, are as long as its header says.

    Readers leave those rows black that a writer which was interrupted left out.

    Raises:
        OSError: it cannot be read.
    """
    chunks = _chunks(path)
    _, header, _ = next(chunks)
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", header[:13])
    expected = 0
    for x, y, step_x, step_y in _ADAM7 if interlaced else _WHOLE:
        columns, rows = -((x - width) // step_x), -((y - height) // step_y)
        if columns > 0 and rows > 0:
            expected += rows * (1 + (columns * depth * _CHANNELS[color] + 7) // 8)  # the first byte is the filter's
    inflate = zlib.decompressobj()
    return sum(inflated_bytes(inflate, data) for kind, data, _ in chunks if kind == b"IDAT") >= expected


def damaged_chunk(path: Path) -> str | None:
    """The first chunk of a PNG, which an image reader took, whose checksum does not match; readers leave some out.

    Raises:
        OSError: it cannot be read.
    """
    for kind, data, stored in _chunks(path):
        is_other = len(stored) == 4 and int.from_bytes(stored, "big") != zlib.crc32(data, zlib.crc32(kind))
        if is_other and kind[:1].isupper():
            return kind.decode("latin-1")
    return None


def says_linear(path: Path) -> bool:
    """Whether a PNG, which an image reader took, says that its values are linear.

    Source: PNG specification, "Color space information": cICP goes before iCCP, this before sRGB, this before gAMA.

    Raises:
        OSError: it cannot be read.
    """
    head = _head(path)  # which may be the whole file
    if b"cICP" in head:
        return head[b"cICP"][1:2] == bytes([_LINEAR])
    return not head.keys() & {b"iCCP", b"sRGB"} and _is_near(_number(head.get(b"gAMA", b"")), 1.0)


def other_colors(path: Path) -> str | None:
    """What a PNG says of its colors beside an ICC profile, where those are neither sRGB nor linear.

    Raises:
        OSError: it cannot be read.
    """
    head = _head(path)
    if len(code := head.get(b"cICP", b"")) >= 2:
        known = code[0] == _BT709 and code[1] in (_BT709, _SRGB, _LINEAR)
        return None if known else f"cICP {code[0]}, {code[1]}"
    if head.keys() & {b"iCCP", b"sRGB"}:
        return None
    chroma = head.get(b"cHRM", b"")
    white, colors = chroma[:8], chroma[8:32]
    if len(chroma) == 32 and other_than_bt709([value / 1e5 for value in struct.unpack(">8I", colors + white)]):
        return "cHRM"
    gamma = _number(head.get(b"gAMA", b""))
    known = gamma is None or any(_is_near(gamma, one) for one in (1.0, 1 / 2.2))
    return None if known else f"gAMA {gamma:g}"


def _number(data: bytes) -> float | None:
    return int.from_bytes(data, "big") / 1e5 if len(data) == 4 else None


def _is_near(number: float | None, other: float) -> bool:
    return number is not None and abs(number / other - 1) < NEAR_GAMMA


def _head(path: Path) -> dict[bytes, bytes]:
    """Chunks before the data."""
    return {kind: data for kind, data, _ in _chunks(path, until=b"IDAT")}


def _chunks(path: Path, until: bytes = b"") -> Iterator[tuple[bytes, bytes, bytes]]:
    """Kinds, data and checksums."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(_SIGNATURE_BYTES)
        while len(head := file.read(8)) == 8:
            n_bytes, kind = struct.unpack(">I4s", head)
            if kind == until:
                return
            n_bytes = min(n_bytes, size)  # memory is taken for what is asked
            yield kind, file.read(n_bytes), file.read(4)
            if kind == b"IEND":  # what is behind it is no chunk
                return
