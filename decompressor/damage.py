"""Decode around damage: what cannot be decoded is marked, never made up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import ArchiveError
from .lightmap import Lightmap, Region

DAMAGE_COLOR = (255, 0, 255)
"""Of 8-bit frames and previews; floats are NaN."""


@dataclass(frozen=True)
class Damage:
    """A tile that cannot be decoded, and why."""

    tile: Region
    error: ArchiveError


def _overlap(a: Region, b: Region) -> Region:
    return Region(max(a.y0, b.y0), min(a.y1, b.y1), max(a.x0, b.x0), min(a.x1, b.x1))


def _tiles(lightmap: Lightmap, region: Region) -> list[tuple[Region, Region]]:
    """Tiles that touch a region, each with the part that lies in it."""
    parts = [(tile, _overlap(tile, region)) for tile in lightmap.tiles]
    return [(tile, part) for tile, part in parts if part.y0 < part.y1 and part.x0 < part.x1]


def _view(image: np.ndarray, part: Region, region: Region) -> np.ndarray:
    """The pixels of `part` in an image of `region`."""
    return image[part.y0 - region.y0 : part.y1 - region.y0, part.x0 - region.x0 : part.x1 - region.x0]


def whole_frame(lightmap: Lightmap) -> Region:
    """All of a lightmap."""
    return Region(0, lightmap.height, 0, lightmap.width)


def find_damage(lightmap: Lightmap, region: Region) -> list[Damage]:
    """The tiles under a region that do not decode.

    Raises:
        ArchiveError: none of them does.
    """
    damage: list[Damage] = []
    tiles = _tiles(lightmap, region)
    for tile, part in tiles:
        try:
            lightmap.decode(float(lightmap.hours[0]), (part.y0, part.y0 + 1, part.x0, part.x0 + 1), "float32")
        except ArchiveError as error:
            damage.append(Damage(tile, error))
    if damage and len(damage) == len(tiles):
        raise damage[0].error
    return damage


def decode_around(lightmap: Lightmap, time_h: float, region: Region, dtype: str, damage: list[Damage]) -> np.ndarray:
    """Decode a region but for what is damaged.

    Returns:
        (h, w, 3) as `Lightmap.decode`; damaged texels are DAMAGE_COLOR in uint8, NaN in float32.

    Raises:
        ArchiveError: another tile does not decode.
    """
    if not damage:
        return lightmap.decode(time_h, region, dtype)
    out = np.zeros((region.y1 - region.y0, region.x1 - region.x0, 3), dtype)
    mark(out, region, damage)
    damaged = {one.tile for one in damage}
    for tile, part in _tiles(lightmap, region):
        if tile not in damaged:
            _view(out, part, region)[...] = lightmap.decode(time_h, part, dtype)
    return out


def mark(image: np.ndarray, region: Region, damage: list[Damage]) -> None:
    """Mark the damage in an image of the region that it was found in, whatever stands there."""
    value = DAMAGE_COLOR if image.dtype == np.uint8 else np.nan
    for one in damage:
        _view(image, _overlap(one.tile, region), region)[...] = value
