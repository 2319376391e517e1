"""Textures in memory, and the formats of their texels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import PackError


@dataclass(frozen=True)
class TextureFormat:
    """How texels lie in memory.

    Attributes:
        name: As graphics interfaces write it, in lower case.
        vk: `VkFormat` of KTX2.
        dxgi: `DXGI_FORMAT` of DDS.
        block_bytes: Bytes of a block of texels.
        block_side: 4 for block compression, else 1.
        type_size: Bytes of the data type that a big-endian machine would have to swap.
    """

    name: str
    vk: int
    dxgi: int
    block_bytes: int
    block_side: int = 1
    type_size: int = 1

    def level_bytes(self, width: int, height: int) -> int:
        """Bytes of one image."""
        side = self.block_side
        return -(-width // side) * -(-height // side) * self.block_bytes


RGBA8 = TextureFormat("rgba8_unorm", 37, 28, 4)
RGBA16_SINT = TextureFormat("rgba16_sint", 96, 14, 8, type_size=2)
RGBA16F = TextureFormat("rgba16_sfloat", 97, 10, 8, type_size=2)
RGB9E5 = TextureFormat("e5b9g9r9_ufloat", 123, 67, 4, type_size=4)
BC4 = TextureFormat("bc4_unorm", 139, 80, 8, 4)
BC6H = TextureFormat("bc6h_ufloat", 143, 95, 16, 4)
BC7 = TextureFormat("bc7_unorm", 145, 98, 16, 4)
BC7_SRGB = TextureFormat("bc7_srgb", 146, 99, 16, 4)
FORMATS = (RGBA8, RGBA16_SINT, RGBA16F, RGB9E5, BC4, BC6H, BC7, BC7_SRGB)


def level_size(width: int, height: int, level: int) -> tuple[int, int]:
    """Width and height of a mip level."""
    return max(1, width >> level), max(1, height >> level)


def check_sides(format: TextureFormat, width: int, height: int, where: object) -> None:
    """Refuse sizes that Direct3D and WebGPU do not take.

    Raises:
        PackError: the format is block-compressed and a side is no multiple of its blocks.
    """
    side = format.block_side
    if width % side or height % side:
        raise PackError(
            f"{where}: expected sides that are multiples of {side} for {format.name.split('_')[0]}, "
            f"found {width} x {height}"
        )


@dataclass(frozen=True)
class Texture:
    """A 2D texture, or an array of them.

    Attributes:
        format: Of its texels.
        width: Texels in a row of level 0.
        height: Rows of level 0.
        levels: Images, `levels[level][layer]`, level 0 first; rows from the top, without padding.
        is_array: An array texture, even of one layer.
    """

    format: TextureFormat
    width: int
    height: int
    levels: Sequence[Sequence[bytes]]
    is_array: bool = True

    def __post_init__(self) -> None:
        for level, images in enumerate(self.levels):
            expected = self.format.level_bytes(*level_size(self.width, self.height, level))
            assert len(images) == self.n_layers and all(len(image) == expected for image in images)

    @property
    def n_layers(self) -> int:
        """Textures in the array; 1 for one that is no array."""
        return len(self.levels[0])

    def texel_bytes(self, n_levels: int | None = None) -> float:
        """Bytes in graphics memory for each texel of the lightmap: all layers, of all levels or the first ones."""
        images = (image for level in self.levels[:n_levels] for image in level)
        return sum(map(len, images)) / (self.width * self.height)
