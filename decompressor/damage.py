"""Decode around damage: what cannot be decoded is marked, never made up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
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
        region: Of the lightmap.
        flags: 1 for each tile that touches the region and does not decode, else 0, row by row; there may be millions.
        reasons: Why, and of how many of them.
    """

    region: Region
    flags: bytearray = field(default_factory=bytearray)
    reasons: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.reasons)

    def add(self, reason: str, lightmap: str) -> None:
        """The next tile does not decode."""
        is_one_too_many = len(self.reasons) >= MOST_REASONS and reason not in self.reasons
        self.reasons[f"lightmap {lightmap}: further tiles" if is_one_too_many else reason] += 1
        self.flags.append(1)

    def parts(self, lightmap: Lightmap) -> Iterator[tuple[bool, Region]]:
        """Of each tile that touches the region, whether it is damaged, and what of it lies in the region."""
        for is_damaged, tile in zip(self.flags, lightmap.tiles_under(self.region), strict=True):
            yield bool(is_damaged), _overlap(tile, self.region)


def _overlap(a: Region, b: Region) -> Region:
    return Region(max(a.y0, b.y0), min(a.y1, b.y1), max(a.x0, b.x0), min(a.x1, b.x1))


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
    damage, of_all, last = Damage(region), None, None
    for tile in lightmap.tiles_under(region):
        part = _overlap(tile, region)
        try:
            lightmap.decode(float(lightmap.hours[0]), (part.y0, part.y0 + 1, part.x0, part.x0 + 1), "float32")
            damage.flags.append(0)
        except ArchiveError as error:
            of_all = _faults_of_all(lightmap) if of_all is None else of_all
            if str(error) in of_all:
                raise  # and not for each of thousands of tiles anew
            damage.add(str(error), lightmap.name)
            last = error.with_traceback(None)
    if last is not None and all(damage.flags):
        raise last
    return damage


def decode_around(lightmap: Lightmap, time_h: float, dtype: str, damage: Damage) -> np.ndarray:
    """Decode a region but for what is damaged.

    Returns:
        (h, w, 3) as `Lightmap.decode`; damaged texels are DAMAGE_COLOR in uint8, NaN in float32.

    Raises:
        ArchiveError: another tile does not decode.
    """
    region = damage.region
    if not damage:
        return lightmap.decode(time_h, region, dtype)
    out = np.zeros((region.y1 - region.y0, region.x1 - region.x0, 3), dtype)
    for is_damaged, part in damage.parts(lightmap):
        _view(out, part, region)[...] = _value(out) if is_damaged else lightmap.decode(time_h, part, dtype)
    return out


def mark(image: np.ndarray, lightmap: Lightmap, damage: Damage) -> None:
    """Mark damaged tiles in an image of the region that they were found in, whatever stands there."""
    for is_damaged, part in damage.parts(lightmap) if damage else ():
        if is_damaged:
            _view(image, part, damage.region)[...] = _value(image)


def _value(image: np.ndarray) -> tuple[int, int, int] | float:
    return DAMAGE_COLOR if image.dtype == np.uint8 else np.nan
