"""KTX2 files of uncompressed and block-compressed textures, with or without zstd over the levels.

Source: Khronos, "KTX File Format Specification" 2.0, and "Data Format Specification" 1.3 for the descriptor.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

import zstandard

from .textures import (
    BC4,
    BC6H,
    BC7,
    BC7_SRGB,
    RGB9E5,
    RGBA8,
    RGBA16_SINT,
    RGBA16F,
    Texture,
    TextureFormat,
)

IDENTIFIER = b"\xabKTX 20\xbb\r\n\x1a\n"
_HEADER = struct.Struct("<12s9I4I2Q")
_LEVEL = struct.Struct("<3Q")
_SAMPLE = struct.Struct("<HBB4BII")
_ZSTD = 2
_RGBSDA, _BC4_MODEL, _BC6H_MODEL, _BC7_MODEL = 1, 131, 133, 134  # color models
_BT709, _LINEAR_TRANSFER, _SRGB_TRANSFER = 1, 1, 2
_EXPONENT, _SIGNED, _FLOAT = 0x20, 0x40, 0x80  # qualifiers of a channel
_ONE, _MINUS_ONE = 0x3F800000, 0xBF800000  # as floats
_CHANNELS = (0, 1, 2, 15)  # red, green, blue, alpha
ZSTD_LEVEL = 19


def _samples(format: TextureFormat) -> Iterator[tuple[int, int, int, int, int]]:
    """(first bit, bits, channel with its qualifiers, lower, upper) of each sample of the data format descriptor."""
    if format in (BC7, BC7_SRGB):
        yield 0, 128, 0, 0, 0xFFFFFFFF
    elif format == BC6H:
        yield 0, 128, _FLOAT, 0, _ONE
    elif format == BC4:
        yield 0, 64, 0, 0, 0xFFFFFFFF
    elif format == RGB9E5:
        for channel in _CHANNELS[:3]:
            yield 9 * channel, 9, channel, 0, 8448
            yield 27, 5, channel | _EXPONENT, 15, 31
    else:
        bits = 2 * format.block_bytes
        qualifiers, lower, upper = {
            RGBA8: (0, 0, 255),
            RGBA16_SINT: (_SIGNED, 0xFFFFFFFF, 1),
            RGBA16F: (_FLOAT | _SIGNED, _MINUS_ONE, _ONE),
        }[format]
        for place, channel in enumerate(_CHANNELS):
            yield bits * place, bits, channel | qualifiers, lower, upper


def _descriptor(format: TextureFormat) -> bytes:
    """The data format descriptor: one basic block."""
    samples = b"".join(
        _SAMPLE.pack(first, bits - 1, channel, 0, 0, 0, 0, lower, upper)
        for first, bits, channel, lower, upper in _samples(format)
    )
    models = {BC7: _BC7_MODEL, BC7_SRGB: _BC7_MODEL, BC6H: _BC6H_MODEL, BC4: _BC4_MODEL}
    transfer = _SRGB_TRANSFER if format == BC7_SRGB else _LINEAR_TRANSFER
    block = struct.pack("<IHH4B", 0, 2, 24 + len(samples), models.get(format, _RGBSDA), _BT709, transfer, 0)
    block += struct.pack("<4B8B", *[format.block_side - 1] * 2, 0, 0, format.block_bytes, *[0] * 7) + samples
    return struct.pack("<I", 4 + len(block)) + block


def _pairs(**values: str) -> bytes:
    """Key and value data, by the keys' order."""
    packed = b""
    for key, value in sorted(values.items()):
        pair = f"{key}\0{value}\0".encode()
        packed += struct.pack("<I", len(pair)) + pair + b"\0" * (-len(pair) % 4)
    return packed


def write_ktx2(texture: Texture, zstd: bool = False) -> bytes:
    """The bytes of a KTX2 file.

    Args:
        texture: Of one layer or more.
        zstd: Compress every level by zstd ("supercompression"), as KTX2 readers take it.
    """
    format = texture.format
    descriptor, pairs = _descriptor(format), _pairs(KTXorientation="rd", KTXwriter="todpack")
    plain = [b"".join(images) for images in texture.levels]
    stored = [zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(level) for level in plain] if zstd else plain
    first = _HEADER.size + _LEVEL.size * len(plain)
    end = first + len(descriptor) + len(pairs)
    unit = 1 if zstd else math.lcm(format.block_bytes, 4)
    body, places = bytearray(), [0] * len(plain)
    for number in reversed(range(len(plain))):  # the smallest level comes first
        body += b"\0" * (-(end + len(body)) % unit)
        places[number] = end + len(body)
        body += stored[number]
    header = _HEADER.pack(
        IDENTIFIER, format.vk, format.type_size, texture.width, texture.height, 0,
        texture.n_layers if texture.is_array else 0, 1, len(plain), _ZSTD if zstd else 0,
        first, len(descriptor), first + len(descriptor), len(pairs), 0, 0,
    )  # fmt: skip
    index = b"".join(
        _LEVEL.pack(place, len(data), len(whole)) for place, data, whole in zip(places, stored, plain, strict=True)
    )
    return b"".join([header, index, descriptor, pairs, body])
