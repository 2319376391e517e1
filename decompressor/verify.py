"""Say exactly what is damaged in an archive: every section, the digest, the graphs, and every frame that decodes."""

from __future__ import annotations

import itertools
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from .archive import Archive, open_archive
from .container import Container
from .errors import ArchiveError, MissingPackageError
from .given import given_path
from .graphs.shapes import FRAME_SIDE, FRAME_TEXELS
from .grid import TileGrid
from .lightmap import Lightmap, Region
from .limits import DEFAULT_LIMITS, Limits
from .plain_text import some
from .pool import OwnTime
from .sections import Section

Say = Callable[[str], None]
MAX_DIGITS = 9  # of a number in a section's name
MOST_FAULTS = 1000  # of what is decoded: each of millions of tiles may have one


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        place: "file", "header", "digest", "section NAME" or "lightmap NAME".
        message: What is wrong, one line.
        offset: Where the section starts in the file, bytes; None for other places.
        stored_bytes: Size of the section in the file.
        expected_crc32: What the metadata says of the section.
        found_crc32: What the file holds; None where it cannot be read.
        affects: The lightmap and texels that need the section; empty if unknown.
    """

    place: str
    message: str
    offset: int | None = None
    stored_bytes: int | None = None
    expected_crc32: int | None = None
    found_crc32: int | None = None
    affects: str = ""

    def __str__(self) -> str:
        parts = [f"{self.place}: {self.message}"]
        return "; ".join([*parts, self.affects] if self.affects else parts)


SECTIONS_SHARE = 0.25
"""Of the time, for sections alone: the first tile may take all of it, as the reader took the file."""


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes:
        path: The file.
        file_bytes: Its size.
        n_sections: Sections that its metadata lists.
        n_unread: Of these, those of which the checksum alone was looked at: to decode them would take longer.
        n_frames: Frames that were decoded in full.
        n_frames_in_all: By its metadata.
        n_tiles: Tiles that were decoded, each at one hour at least.
        n_tiles_in_all: By its metadata.
        digest: "matches", "differs", "absent" (an archive of an older writer) or "not checked" (sections are damaged).
        faults: Empty where the archive is whole.
    """

    path: str
    file_bytes: int
    n_sections: int
    n_unread: int
    n_frames: int
    n_frames_in_all: int
    n_tiles: int
    n_tiles_in_all: int
    digest: str
    faults: tuple[Fault, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {**asdict(self), "whole": self.whole}


def affected(archive: Archive, section: str, users: Mapping[str, Sequence[str]]) -> str:
    """The lightmaps that need a section, by `users_of`, or the one by its name, and where it is one tile its texels."""
    if names := users.get(section):
        return f"lightmap{'s'[: len(names) - 1]} {some(names)}"
    index, _, rest = section.partition("/")
    if not index.isdecimal() or len(index) > MAX_DIGITS or int(index) >= len(archive.lightmaps):
        return ""
    lightmap, (tile, _, name) = archive.lightmaps[int(index)], rest.partition("/")
    if name and tile.isdecimal() and len(tile) <= MAX_DIGITS and int(tile) < lightmap.n_tiles > 1:
        return f"lightmap {lightmap.name}, {_where(int(tile), lightmap.tile(int(tile)))}"
    return f"lightmap {lightmap.name}"


def users_of(archive: Archive) -> dict[str, list[str]]:
    """Lightmaps by the sections that they name: graphs may be of several."""
    users = dict[str, list[str]]()
    for lightmap, entry in zip(archive.lightmaps, archive.metadata["lightmaps"], strict=True):
        for name in archive.container.sections.keys() & set(_texts(entry)):
            users.setdefault(name, []).append(lightmap.name)
    return users


def _texts(value: Any) -> Iterator[str]:
    """All strings in a value of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _section_fault(container: Container, section: Section, *, decodes: bool) -> Fault | None:
    """What is wrong with a section, by its checksum and, if it `decodes` it, by what is in it."""
    span = f"{section.stored_bytes} bytes at {section.offset}"
    fault = Fault(
        f"section {section.name}",
        f"{span}: the file ends before them or cannot be read",
        offset=section.offset,
        stored_bytes=section.stored_bytes,
        expected_crc32=section.crc32,
    )
    try:
        found = zlib.crc32(container.found_bytes_of(section))
    except ArchiveError:
        return fault
    if found != section.crc32:
        message = f"{span}: expected CRC-32 {section.crc32:08x}, found {found:08x}"
        return replace(fault, message=message, found_crc32=found)
    try:
        if decodes:
            container.read_bytes(section.name)
    except ArchiveError as error:
        return replace(fault, message=f"{span}: {_short(error, container.path)}", found_crc32=found)
    return None


def _short(error: Exception, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")


class _Decoding:
    """Decodes lightmaps, as long as there is time, and collects what does not decode.

    Args:
        path: The file.
        own: The time of this verification.
        seconds: Until when on that clock it may decode.
        known: Names of damaged sections: what only repeats one is no new fault.
    """

    def __init__(self, path: Path, own: OwnTime, seconds: float, known: set[str]) -> None:
        self._path, self._known, self._own = path, known, own
        self._until, self._has_begun = seconds, False
        self.faults: list[Fault] = []
        self.n_frames = self.n_tiles = 0

    def lightmap(self, lightmap: Lightmap) -> None:
        """Its mask; every tile at the first hour, and every hour in the first tile; then everything."""
        if not self._has_time() or len(self.faults) >= MOST_FAULTS:
            return
        try:
            lightmap.check_mask()
            lightmap.start_graphs()  # what the decoder lacks, all tiles lack
        except MissingPackageError:  # frames are decoded without it
            pass
        except ArchiveError as error:
            self._fault(lightmap, error)
            return
        first, *later = lightmap.hours.tolist()
        whole = [n for n in self._while_time(range(lightmap.n_tiles)) if self._tile(lightmap, n, [first])]
        self.n_tiles += len(whole)
        if len(whole) < lightmap.n_tiles:
            return
        self.n_frames += 1
        everywhere = sum(self._tile(lightmap, number, later) for number in self._while_time(whole))
        if everywhere == lightmap.n_tiles:
            self.n_frames += len(later)

    def _while_time(self, numbers: Sequence[int]) -> Iterator[int]:
        """Numbers of tiles, of which there may be millions, until the time is up or enough is found."""
        return itertools.takewhile(lambda _: self._has_time() and len(self.faults) < MOST_FAULTS, numbers)

    def _tile(self, lightmap: Lightmap, number: int, hours: list[float]) -> bool:
        """Decode a tile at some hours, while there is time; whether all of them are decoded."""
        tile = lightmap.tile(number)
        dtype = "uint8" if lightmap.transfer == "srgb8" else "float32"
        frame_texels = min(FRAME_TEXELS, lightmap.height * lightmap.width)
        before, run = lightmap.seconds
        before *= min(1.0, _texels(tile) / frame_texels)  # of a larger tile a frame takes all
        try:
            for time_h, part in product(hours, _parts(tile)):
                if not self._has_time(before + run * _texels(part) / frame_texels):
                    return False
                before, self._has_begun = 0.0, True
                if not np.isfinite(lightmap.decode(time_h, part, dtype)).all():
                    raise ArchiveError(f"expected finite radiance, found other values at {time_h:g} h")
        except ArchiveError as error:
            self._fault(lightmap, error, _where(number, tile))
            return False
        return True

    def _has_time(self, seconds: float = 0.0) -> bool:
        """Whether something may begin that takes at most so long: the first tile may, as the reader took the file.

        What is done counts by the clock, since estimates are mostly too high.
        """
        left = self._until - self._own.seconds
        return seconds <= left or (left >= 0 and not self._has_begun)

    def _fault(self, lightmap: Lightmap, error: ArchiveError, affects: str = "") -> None:
        if error.section is None or error.section not in self._known:
            self.faults.append(Fault(f"lightmap {lightmap.name}", _short(error, self._path), affects=affects))


def _texels(region: Region) -> int:
    return (region.y1 - region.y0) * (region.x1 - region.x0)


def _parts(tile: Region) -> list[Region]:
    """What takes no longer than a frame that the promise is about."""
    places = TileGrid(tile.y1 - tile.y0, tile.x1 - tile.x0, FRAME_SIDE)
    return [
        Region(tile.y0 + p.rows.start, tile.y0 + p.rows.stop, tile.x0 + p.columns.start, tile.x0 + p.columns.stop)
        for p in places
    ]


def _where(number: int, tile: Region) -> str:
    return f"tile {number}: rows {tile.y0}:{tile.y1}, columns {tile.x0}:{tile.x1}"


def verify_archive(
    path: str | os.PathLike[str],
    *,
    threads: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
    say: Say = lambda _: None,
) -> Verdict:
    """Check all of an archive: all of its sections, and as many frames as a file of its size may take time for.

    Args:
        path: The `.tod` file.
        threads: Threads for decoding.
        limits: Caps on what the file may ask for.
        say: Called with a line before each step.

    Returns:
        The verdict; a file that is no archive has one fault, its header.

    Raises:
        RequestError: threads is not possible.
    """
    path = given_path(path, "path: expected that of an archive")
    with OwnTime() as own:
        return _verify(path, own, threads, limits, say)


def _verify(path: Path, own: OwnTime, threads: int | None, limits: Limits, say: Say) -> Verdict:
    try:
        archive = open_archive(path, threads=threads, provider="cpu", limits=limits, any_size=True)
    except ArchiveError as error:
        try:
            size = path.stat().st_size if path.is_file() else 0
        except OSError:  # a name that no system has
            size = 0
        return Verdict(
            str(path),
            size,
            0,
            0,
            0,
            0,
            0,
            0,
            "not checked",
            (Fault("header", _short(error, path).removeprefix("header: ")),),
        )
    with archive:
        container = archive.container
        faults: list[Fault] = []
        if container.found_bytes != container.file_bytes:
            message = f"expected {container.file_bytes} bytes by its header, found {container.found_bytes}"
            faults.append(Fault("file", message))
        known, users = set[str](), cache(lambda: users_of(archive))  # all metadata is looked through, once
        allowed_s, n_unread = limits.seconds_for(container.counted_bytes), 0
        until_s = own.seconds + allowed_s * SECTIONS_SHARE
        for number, section in enumerate(container.sections.values()):
            say(f"section {number + 1} of {len(container.sections)}")
            decodes = container.serial_seconds(section.name) <= max(0.0, until_s - own.seconds)
            fault = _section_fault(container, section, decodes=decodes)
            n_unread += fault is None and not decodes
            if fault is not None:
                known.add(section.name)
                faults.append(replace(fault, affects=affected(archive, section.name, users())))
        digest = "not checked"
        if not known:
            stated, found = container.digests()
            digest = "absent" if stated is None else "matches" if stated == found else "differs"
            if digest == "differs":
                faults.append(Fault("digest", f"expected SHA-256 {stated}, found {found}"))
        decoding = _Decoding(container.path, own, allowed_s, known)
        for lightmap in archive.lightmaps:
            say(f"decoding lightmap {lightmap.name}")
            decoding.lightmap(lightmap)
        if len(decoding.faults) >= MOST_FAULTS:
            decoding.faults.append(Fault("file", f"{MOST_FAULTS} faults were found so far; nothing more is decoded"))
        return Verdict(
            str(path),
            container.found_bytes,
            len(container.sections),
            n_unread,
            decoding.n_frames,
            len(archive.lightmaps) * len(archive.hours),
            decoding.n_tiles,
            sum(lightmap.n_tiles for lightmap in archive.lightmaps),
            digest,
            (*faults, *decoding.faults),
        )
