"""A level as a folder of folders: each holds the frames of one lightmap, of 8 bits or HDR."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from todpack.decompressor.plain_text import some

from .day import Day
from .encodings import encoding_of
from .errors import DataError
from .folder import read_folder
from .formats import read_picture
from .hours import find_times
from .listing import count_frames, folders_around_frames, folders_of_frames, list_frames
from .masks import find_mask
from .read_options import ReadOptions

LEAST_HOURS = 3
"""Folders with names of times, of which one says that they may be hours."""
_TIME = re.compile(
    r"(?:(?:hour|time|tod|h|t)[ _-]?)?(?:[01]?[0-9]|2[0-4])(?:[ _.-]?[0-5][0-9])?h?(?:[ap]m)?", re.IGNORECASE
)


@dataclass(frozen=True)
class FolderEntry:
    """One lightmap of a level.

    Attributes:
        name: Of its folder.
        width: W, texels.
        height: H, texels.
        hours: (T,) stored times, ascending.
        transfer: `"srgb8"` or `"linear"`.
        options: How its frames are read.
        warnings: Lines for the user before those of its day; the first lightmap has those of the level.
    """

    name: str
    width: int
    height: int
    hours: tuple[float, ...]
    transfer: str
    options: ReadOptions
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class FolderLevel:
    """A level of folders.

    Attributes:
        path: The folder around them.
        options: How frames are read.
    """

    path: Path
    options: ReadOptions

    @cached_property
    def entries(self) -> tuple[FolderEntry, ...]:
        """Its lightmaps, by name; the first frame of each is read for its size.

        Raises:
            DataError: a folder's frames cannot be listed, or its first one cannot be read.
        """
        folders = folders_of_frames(self.path)
        said = [*self._passed_over(folders), *self._like_hours([folder.name for folder in folders])]
        return tuple(self._entry(folder, said if folder == folders[0] else []) for folder in folders)

    def _passed_over(self, folders: Sequence[Path]) -> list[str]:
        deeper = folders_around_frames(self.path, set(folders))
        return [f"{self.path}: folders whose frames lie deeper are left out: {some(deeper)}"] if deeper else []

    def _like_hours(self, names: Sequence[str]) -> list[str]:
        if len(names) < LEAST_HOURS or not all(map(_is_time, names)):
            return []
        return [f"{self.path}: the folders {some(names)} are read as lightmaps, and the files in each as its hours"]

    def _entry(self, folder: Path, said: Sequence[str]) -> FolderEntry:
        listing = list_frames(folder)
        times = find_times(listing.folder, listing.files, self.options.hours, self.options.first_hour)
        picture = read_picture(times.files[0], self.options.layer)
        corner = encoding_of(self.options.encoding).decode(picture.corner(), times.files[0])
        transfer = "srgb8" if corner.dtype.kind == "u" else "linear"
        height, width = picture.rgb.shape[:2]
        return FolderEntry(folder.name, width, height, tuple(times.hours.tolist()), transfer, self.options, tuple(said))

    def files(self, entry: FolderEntry) -> list[Path]:
        """The frames of a lightmap in order of time, and its mask.

        Raises:
            DataError: they cannot be listed, or their times cannot be told.
        """
        listing = list_frames(self.path / entry.name)
        times = find_times(listing.folder, listing.files, entry.options.hours, entry.options.first_hour)
        mask = find_mask(listing.masks, listing.folder)
        return [*times.files, *([mask] if mask is not None and entry.options.mask is None else [])]

    def read(self, entry: FolderEntry, on_frame: Callable[[int, int], None] | None = None) -> Day:
        """Read a lightmap, see `read_day`."""
        day = read_folder(self.path / entry.name, entry.options, on_frame)
        return replace(day, warnings=(*entry.warnings, *day.warnings))


def _is_time(name: str) -> bool:
    """Whether a folder's name is a time and nothing else: 06, 6h, 06_30, hour_06."""
    return _TIME.fullmatch(name) is not None


def is_level(path: Path) -> bool:
    """Whether a folder holds no day itself, but folders that have frames."""
    return os.path.isdir(path) and count_frames(path) < 2 and bool(folders_of_frames(path))


def open_level(path: Path, options: ReadOptions) -> FolderLevel:
    """Open a level.

    Raises:
        DataError: the mask that is named would be that of every lightmap.
    """
    if options.mask_file is not None:
        raise DataError(f"{options.mask_file}: expected a mask in each folder of a level, found one for all by --mask")
    return FolderLevel(path, options)
