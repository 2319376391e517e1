"""Decode around damage: what cannot be decoded is marked, never made up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from .errors import ArchiveError, MissingPackageError
from .lightmap import Lightmap, Region

DAMAGE_COLOR = (255, 0, 255)
"""Of 8-bit frames and previews; floats are NaN."""


MOST_REASONS = 1000
"""Of a lightmap's tiles, of which there may be millions."""


@dataclass(frozen=True)
class Damage:
    """What of a region does not decode.

    Attributes:
        tiles: Tiles that touch it.
        reasons: Why, and of how many of them.
    """

    tiles: set[Region] = field(default_factory=set)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, tile: Region, reason: str, lightmap: str) -> None:
        """One more tile."""
        is_one_too_many = len(self.reasons) >= MOST_REASONS and reason not in self.reasons
        self.reasons[f"lightmap {lightmap}: further tiles" if is_one_too_many else reason] += 1
        self.tiles.add(tile)


def _overlap(a: Region, b: Region) -> Region:
    return Region(max(a.y0, b.y0), min(a.y1, b.y1), max(a.x0, b.x0), min(a.x1, b.x1))


def _tiles(lightmap: Lightmap, region: Region) -> list[tuple[Region, Region]]:
    """Tiles that touch a region, each with the part that lies in it."""
    return [(tile, _overlap(tile, region)) for tile in lightmap.tiles_under(region)]


def _view(image: np.ndarray, part: Region, region: Region) -> np.ndarray:
    """The pixels of `part` in an image of `region`."""
    return image[part.y0 - region.y0 : part.y1 - region.y0, part.x0 - region.x0 : part.x1 - region.x0]


def whole_frame(lightmap: Lightmap) -> Region:
    """All of a lightmap."""
    return Region(0, lightmap.height, 0, lightmap.width)


def _faults_of_all(lightmap: Lightmap) -> set[str]:
    """What is wrong with that which all tiles need, if they do."""
    found = set[str]()
    for read in (lightmap.start_graphs, lightmap.check_mask):
        try:
            read()
        except ArchiveError as error:
            found.add(str(error))
        except MissingPackageError:  # frames are decoded without it
            pass
    return found


def find_damage(lightmap: Lightmap, region: Region) -> Damage:
    """The tiles under a region that do not decode.

    Raises:
        ArchiveError: none of them does.
    """
    damage, tiles, of_all = Damage(), _tiles(lightmap, region), None
    for tile, part in tiles:
        try:
            lightmap.decode(float(lightmap.hours[0]), (part.y0, part.y0 + 1, part.x0, part.x0 + 1), "float32")
        except ArchiveError as error:
            of_all = _faults_of_all(lightmap) if of_all is None else of_all
            damage.add(tile, str(error), lightmap.name)
            if str(error) in of_all or len(damage.tiles) == len(tiles):
                raise  # and not for each of thousands of tiles anew
    return damage


def decode_around(lightmap: Lightmap, time_h: float, region: Region, dtype: str, damaged: set[Region]) -> np.ndarray:
    """Decode a region but for what is damaged.

    Returns:
        (h, w, 3) as `Lightmap.decode`; damaged texels are DAMAGE_COLOR in uint8, NaN in float32.

    Raises:
        ArchiveError: another tile does not decode.
    """
    if not damaged:
        return lightmap.decode(time_h, region, dtype)
    out = np.zeros((region.y1 - region.y0, region.x1 - region.x0, 3), dtype)
    mark(out, region, damaged)
    for tile, part in _tiles(lightmap, region):
        if tile not in damaged:
            _view(out, part, region)[...] = lightmap.decode(time_h, part, dtype)
    return out


def mark(image: np.ndarray, region: Region, damaged: set[Region]) -> None:
    """Mark damaged tiles in an image of the region that they were found in, whatever stands there."""
    value = DAMAGE_COLOR if image.dtype == np.uint8 else np.nan
    for tile in damaged:
        _view(image, _overlap(tile, region), region)[...] = value
