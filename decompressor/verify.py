"""Say exactly what is damaged in an archive: every section, the digest, the graphs, and every frame that decodes."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from .archive import Archive, Lightmap, Region, open_archive
from .container import Container
from .errors import ArchiveError
from .limits import DEFAULT_LIMITS, Limits
from .sections import Section

Say = Callable[[str], None]


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


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes:
        path: The file.
        file_bytes: Its size.
        n_sections: Sections that its metadata lists.
        n_frames: Frames that were decoded whole.
        digest: "matches", "differs", "absent" (an archive of an older writer) or "not checked" (sections are damaged).
        faults: Empty where the archive is whole.
    """

    path: str
    file_bytes: int
    n_sections: int
    n_frames: int
    digest: str
    faults: tuple[Fault, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {**asdict(self), "whole": self.whole}


def affected(archive: Archive, section: str) -> str:
    """The lightmap, and where it is one tile its texels, that need a section."""
    for index, lightmap in enumerate(archive.lightmaps):
        if section.startswith(f"{index}/"):
            parts = section.split("/")
            if len(parts) == 3 and parts[1].isdecimal() and int(parts[1]) < len(lightmap.tiles) > 1:
                y0, y1, x0, x1 = lightmap.tiles[int(parts[1])]
                return f"lightmap {lightmap.name}, tile {parts[1]}: rows {y0}:{y1}, columns {x0}:{x1}"
            return f"lightmap {lightmap.name}"
    return ""


def _section_fault(container: Container, section: Section) -> Fault | None:
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
        container.read_bytes(section.name)
    except ArchiveError as error:
        return replace(fault, message=f"{span}: {_short(error, container.path)}", found_crc32=found)
    return None


def _short(error: Exception, path: Path) -> str:
    return str(error).removeprefix(f"{path}: ")


def _decode_all(lightmap: Lightmap, path: Path, known: set[str]) -> Iterator[Fault | None]:
    """Decode every tile at every stored hour; a fault for each tile that does not, None for each that does.

    What only repeats a damaged section, of the names in `known`, is no new fault: then neither comes.
    """
    dtype = "uint8" if lightmap.transfer == "srgb8" else "float32"
    try:
        _ = lightmap.valid
    except ArchiveError as error:
        if error.section not in known:
            yield Fault(f"lightmap {lightmap.name}", _short(error, path))
    for number, tile in enumerate(lightmap.tiles):
        try:
            for time_h in lightmap.hours:
                lightmap.decode(float(time_h), tile, dtype)
            yield None
        except ArchiveError as error:
            if error.section not in known:
                yield Fault(f"lightmap {lightmap.name}", _short(error, path), affects=_where(number, tile))


def _where(number: int, tile: Region) -> str:
    return f"tile {number}: rows {tile.y0}:{tile.y1}, columns {tile.x0}:{tile.x1}"


def verify_archive(
    path: str | os.PathLike[str],
    *,
    threads: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
    say: Say = lambda _: None,
) -> Verdict:
    """Check all of an archive.

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
    path = Path(path)
    try:
        archive = open_archive(path, threads=threads, provider="cpu", limits=limits, any_size=True)
    except ArchiveError as error:
        size = path.stat().st_size if path.is_file() else 0
        return Verdict(
            str(path), size, 0, 0, "not checked", (Fault("header", _short(error, path).removeprefix("header: ")),)
        )
    with archive:
        container = archive.container
        faults: list[Fault] = []
        if container.found_bytes != container.file_bytes:
            message = f"expected {container.file_bytes} bytes by its header, found {container.found_bytes}"
            faults.append(Fault("file", message))
        known: set[str] = set()
        for number, section in enumerate(container.sections.values()):
            say(f"section {number + 1} of {len(container.sections)}")
            fault = _section_fault(container, section)
            if fault is not None:
                known.add(section.name)
                faults.append(replace(fault, affects=affected(archive, section.name)))
        digest = "not checked"
        if not known:
            stated, found = container.digests()
            digest = "absent" if stated is None else "matches" if stated == found else "differs"
            if digest == "differs":
                faults.append(Fault("digest", f"expected SHA-256 {stated}, found {found}"))
        n_frames = 0
        for lightmap in archive.lightmaps:
            say(f"decoding lightmap {lightmap.name}")
            found_faults = list(_decode_all(lightmap, path, known))
            faults += [fault for fault in found_faults if fault is not None]
            if found_faults == [None] * len(lightmap.tiles):
                n_frames += len(lightmap.hours)
        return Verdict(str(path), container.found_bytes, len(container.sections), n_frames, digest, tuple(faults))
