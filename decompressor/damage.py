"""Decode around damage: what cannot be decoded is marked, never made up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .archive import Lightmap, Region
from .errors import ArchiveError

HOLE_COLOR = (255, 0, 255)
"""Of 8-bit frames and previews; floats are NaN."""


@dataclass(frozen=True)
class Hole:
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


def find_holes(lightmap: Lightmap, region: Region) -> list[Hole]:
    """The tiles under a region that do not decode.

    Raises:
        ArchiveError: none of them does.
    """
    holes: list[Hole] = []
    tiles = _tiles(lightmap, region)
    for tile, part in tiles:
        try:
            lightmap.decode(float(lightmap.hours[0]), (part.y0, part.y0 + 1, part.x0, part.x0 + 1), "float32")
        except ArchiveError as error:
            holes.append(Hole(tile, error))
    if holes and len(holes) == len(tiles):
        raise holes[0].error
    return holes


def decode_around(lightmap: Lightmap, time_h: float, region: Region, dtype: str, holes: list[Hole]) -> np.ndarray:
    """Decode a region but for its holes.

    Returns:
        (h, w, 3) as `Lightmap.decode`; holes are HOLE_COLOR in uint8, NaN in float32.

    Raises:
        ArchiveError: another tile does not decode.
    """
    if not holes:
        return lightmap.decode(time_h, region, dtype)
    out = np.zeros((region.y1 - region.y0, region.x1 - region.x0, 3), dtype)
    mark(out, region, holes)
    damaged = {hole.tile for hole in holes}
    for tile, part in _tiles(lightmap, region):
        if tile not in damaged:
            _view(out, part, region)[...] = lightmap.decode(time_h, part, dtype)
    return out


def mark(image: np.ndarray, region: Region, holes: list[Hole]) -> None:
    """Mark the holes in an image of the region that they were found in, whatever stands there."""
    value = HOLE_COLOR if image.dtype == np.uint8 else np.nan
    for hole in holes:
        _view(image, _overlap(hole.tile, region), region)[...] = value
