"""The contest's first public layout: config.json names no files; their own names say lightmap, size, time and part."""

from __future__ import annotations

import os
import re
from pathlib import Path

from .errors import DataError

RAW_FOLDERS = ("", "Data", "Original", "Data/Original")
MASK_FOLDERS = ("", "Data", "Mask", "Data/Mask")
Files = dict[str, list[str]]


def find_first_layout(folder: Path, number: int, width: int, height: int, where: str) -> tuple[str, Files, Files]:
    """The files of a lightmap: lightmapRawData_Dilate_<level>_<id>_HQ_<W>_<H>_<time>.bin_<part>.

    A mask is stored once, at the first time; it is that of all times without one.

    Returns:
        The level's name; the names of the parts by time, such as "24.00", of the values and of the masks.

    Raises:
        DataError: there are none.
    """
    end = rf"_{number}_HQ_{width}_{height}_(?P<time>[0-9]{{1,2}}\.[0-9]+)\.bin_(?P<part>[0-9]+)"
    level, values = _by_time(folder, RAW_FOLDERS, rf"lightmapRawData_(?:Dilate_)?(?P<level>.+){end}")
    _, masks = _by_time(folder, MASK_FOLDERS, rf"lightmapCoverage_(?:Dilate_)?(?P<level>.+){end}")
    for kind, found, places in (("lightmapRawData", values, RAW_FOLDERS), ("lightmapCoverage", masks, MASK_FOLDERS)):
        if not found:
            names = ", ".join(place or "." for place in places)
            raise DataError(
                f"{folder}: {where}: expected files {kind}_*_{number}_HQ_{width}_{height}_*.bin_0 in one of {names}, "
                "found none"
            )
    usual = masks[min(masks, key=float)]
    return level, values, {time: masks.get(time, usual) for time in values}


def _by_time(folder: Path, places: tuple[str, ...], pattern: str) -> tuple[str, Files]:
    """The level's name, and the names of the parts in order, by time; of the first place that has any."""
    for place in places:
        if not os.path.isdir(folder / place):
            continue
        found = [match for path in (folder / place).iterdir() if (match := re.fullmatch(pattern, path.name))]
        if found:
            by_time: Files = {}
            for match in sorted(found, key=lambda match: int(match["part"])):
                by_time.setdefault(match["time"], []).append(match[0])
            return found[0]["level"], by_time
    return "", {}
