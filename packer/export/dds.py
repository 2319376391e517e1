"""DDS files with the header of Direct3D 10 and later.

Source: Microsoft, "Programming Guide for DDS", DDS_HEADER and DDS_HEADER_DXT10.
"""

from __future__ import annotations

import struct

from .textures import Texture

_CAPS, _HEIGHT, _WIDTH, _PITCH, _PIXELFORMAT, _MIPMAPCOUNT, _LINEARSIZE = 1, 2, 4, 8, 0x1000, 0x20000, 0x80000
_FOURCC, _COMPLEX, _TEXTURE, _MIPMAP = 4, 8, 0x1000, 0x400000
_TEXTURE2D = 3


def write_dds(texture: Texture) -> bytes:
    """The bytes of a DDS file: of every layer all levels."""
    format, n_levels = texture.format, len(texture.levels)
    is_block = format.block_side > 1
    flags = _CAPS | _HEIGHT | _WIDTH | _PIXELFORMAT | (_LINEARSIZE if is_block else _PITCH)
    caps = _TEXTURE
    if n_levels > 1:
        flags, caps = flags | _MIPMAPCOUNT, caps | _COMPLEX | _MIPMAP
    if texture.n_layers > 1:
        caps |= _COMPLEX
    size = len(texture.levels[0][0]) if is_block else format.block_bytes * texture.width
    header = struct.pack("<4s7I44x", b"DDS ", 124, flags, texture.height, texture.width, size, 0, n_levels)
    header += struct.pack("<2I4s5I", 32, _FOURCC, b"DX10", 0, 0, 0, 0, 0)
    header += struct.pack("<5I", caps, 0, 0, 0, 0)
    header += struct.pack("<5I", format.dxgi, _TEXTURE2D, 0, texture.n_layers, 0)
    images = (level[layer] for layer in range(texture.n_layers) for level in texture.levels)
    return header + b"".join(images)
