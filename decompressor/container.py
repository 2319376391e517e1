"""The container: fixed header, compressed metadata, then sections. FORMAT.md "Header" and "Sections"."""

from __future__ import annotations

import math
import os
import struct
import zlib
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from . import c_module
from .bits import EntropyError, zigzag
from .cached import cached_property
from .errors import (
    DamagedArchiveError,
    InvalidMetadataError,
    InvalidSectionError,
    LimitExceededError,
    NotAnArchiveError,
    TruncatedArchiveError,
    UnsupportedVersionError,
)
from .forks import importing
from .given import repr_of
from .json_fields import memory_of_json, parse_json
from .limits import Limits
from .metadata import is_digest
from .plain_text import one_line
from .sections import Section, read_section_table
from .source_file import SourceFile
from .zstd_frames import DICTIONARY, unzstd, unzstd_magicless
from .zstd_frames import MAGIC as ZSTD_MAGIC

MAGIC = b"\x89TOD\r\n\x1a\n"
MAJOR, MINOR = 1, 4
# (name, struct code, bytes), in file order; FORMAT.md has the same table
HEADER_FIELDS = (
    ("magic", "8s", 8),
    ("major", "H", 2),
    ("minor", "H", 2),
    ("metadata_stored_bytes", "I", 4),
    ("metadata_bytes", "I", 4),
    ("file_bytes", "Q", 8),
    ("header_crc32", "I", 4),
)
HEADER = struct.Struct("<" + "".join(code for _, code, _ in HEADER_FIELDS))
MOST_READ_BYTES = 1 << 30  # at once, by any system
HEADER_CRC_BYTES = HEADER.size - 4
DIGEST_FIELD = "sha256"
INTEGER_S, PYTHON_INTEGER_S = 1.5e-7, 1.5e-5
"""Seconds on one core for each integer in adaptive bits, the largest ones, by the C module and without it."""
PACKED = b"\x0f"
"""First byte of packed metadata; in a frame by the dictionary it would be a reserved bit."""


def _inflate(
    stored: bytes, decoded_bytes: int, where: str, section: str | None = None, *, by_dictionary: bool = False
) -> bytes:
    """Decompress one zstd frame whose decoded size is known.

    Raises:
        InvalidSectionError: not a zstd frame of exactly that content size.
    """
    try:
        if by_dictionary:
            return unzstd_magicless(stored, decoded_bytes, DICTIONARY)
        return unzstd(stored, decoded_bytes, decoded_bytes)
    except EntropyError as error:
        raise InvalidSectionError(f"{where}: {error}", section=section) from error


def without_digest(text: bytes, digest: Any) -> bytes:
    """metadata.json as it counts in the file's own digest: with zeros in its place, the only one where it stands."""
    is_there = is_digest(digest) and text.count(digest.encode()) == 1
    return text.replace(digest.encode(), b"0" * len(digest)) if is_there else text


class Container:
    """An open archive file: its metadata, and its sections by name, read and verified when they are asked for.

    Safe to use from several threads.

    Attributes:
        path: The file.
        metadata: `metadata.json`, parsed.
        sections: Sections by name, in file order.
        file_bytes: Size of the file.
        version: (major, minor) of the file.
        metadata_memory: Bytes that `metadata` takes, an estimate.
        found_bytes: Size of the file as it was found; other than `file_bytes` only where `any_size` allows it.
    """

    def __init__(self, source: str | os.PathLike[str] | BinaryIO, limits: Limits, *, any_size: bool = False) -> None:
        """Open a file.

        Args:
            source: The file's path, or the open file (such as io.BytesIO), which is closed with the container.
            limits: Caps.
            any_size: Take a file that is shorter or longer than its header says; sections that it does not hold are
                missed when they are read.

        Raises:
            ArchiveError: it cannot be opened or read, is not an archive, or its header or metadata are damaged.
            RequestError: the source is neither a path nor an open file.
        """
        self.limits, self._largest = limits, dict[str, int]()
        self._file = SourceFile(source)
        self.path = self._file.path
        try:
            self._read_header(any_size)
        except BaseException:
            self._file.close()
            raise

    def _read_header(self, any_size: bool) -> None:
        path, size = self.path, self._file.size
        head = self._file.read(0, HEADER.size)
        if head[: len(MAGIC)] != MAGIC[: len(head)] or not head:
            raise NotAnArchiveError(
                f"{path}: expected a todpack archive, found {'other content' if head else 'an empty file'}"
            )
        if len(head) < HEADER.size:
            raise TruncatedArchiveError(f"{path}: expected a header of {HEADER.size} bytes, found {len(head)}")
        _, major, minor, stored_bytes, metadata_bytes, file_bytes, crc = HEADER.unpack(head)
        if major != MAJOR:
            raise UnsupportedVersionError(f"{path}: expected format {MAJOR}.x, found {major}.{minor}")
        if (file_bytes != size and not any_size) or HEADER.size + stored_bytes > min(size, file_bytes):
            raise TruncatedArchiveError(f"{path}: expected {file_bytes} bytes by its header, found {size}")
        limit = self.limits.metadata_for(min(size, file_bytes))
        if metadata_bytes > limit or stored_bytes > limit:
            raise LimitExceededError(
                f"{path}: metadata of {max(metadata_bytes, stored_bytes)} bytes is over the limit of {limit}"
            )
        stored = self._file.read(HEADER.size, stored_bytes)
        if zlib.crc32(stored, zlib.crc32(head[:HEADER_CRC_BYTES])) != crc:
            raise DamagedArchiveError(f"{path}: header: checksum does not match; the file is damaged")
        text = self._inflate_metadata(stored, metadata_bytes)
        self.metadata_memory, room = memory_of_json(text), self.limits.memory_for(min(size, file_bytes))
        if self.metadata_memory > room:
            raise LimitExceededError(
                f"{path}: metadata.json would take about {self.metadata_memory} bytes of memory, over the limit of "
                f"{room}"
            )
        self.metadata: dict[str, Any] = parse_json(text, path)
        self.version = (major, minor)
        self.file_bytes, self.found_bytes = int(file_bytes), size
        start = HEADER.size + stored_bytes
        self.sections = read_section_table(self.metadata, path, start, self.file_bytes, self.counted_bytes, self.limits)
        self._metadata_bytes = stored_bytes, metadata_bytes

    def _inflate_metadata(self, stored: bytes, metadata_bytes: int) -> bytes:
        """metadata.json: a frame, since 1.2 one by the dictionary, which has no magic number, or since 1.4 packed."""
        if stored.startswith(PACKED):
            return self._unpack_metadata(stored, metadata_bytes)
        by_dictionary = not stored.startswith(ZSTD_MAGIC)
        return _inflate(stored, metadata_bytes, f"{self.path}: metadata.json", by_dictionary=by_dictionary)

    def _unpack_metadata(self, stored: bytes, metadata_bytes: int) -> bytes:
        with importing.raw:
            from .packed_metadata import unpack_metadata  # what it takes is not loaded where nothing needs it

        try:
            text = unpack_metadata(stored)
        except EntropyError as error:
            raise InvalidMetadataError(f"{self.path}: metadata.json: {error}") from error
        if len(text) != metadata_bytes:
            raise InvalidMetadataError(
                f"{self.path}: metadata.json: expected {metadata_bytes} bytes by the header, found {len(text)}"
            )
        return text

    @property
    def counted_bytes(self) -> int:
        """What limits go by: the file's size, as far as its header speaks of it."""
        return min(self.file_bytes, self.found_bytes)

    def found_bytes_of(self, section: Section) -> bytes:
        """The section's bytes as they are in the file, not verified.

        Raises:
            ArchiveError: the file ends before them, or cannot be read.
        """
        return self._file.read_all(section.offset, section.stored_bytes, f"section {section.name}", section.name)

    def stored_bytes(self, section: Section) -> bytes:
        """The section's bytes as stored, verified by their CRC-32."""
        stored = self.found_bytes_of(section)
        if zlib.crc32(stored) != section.crc32:
            raise DamagedArchiveError(
                f"{self.path}: section {section.name}: checksum does not match; the file is damaged",
                section=section.name,
            )
        return stored

    def find(self, name: str) -> Section:
        """The section `name`.

        Raises:
            InvalidSectionError: there is none.
        """
        if name not in self.sections:
            raise InvalidSectionError(f"{self.path}: expected a section {name!r}, found none", section=name)
        return self.sections[name]

    def read_bytes(self, name: str) -> bytes:
        """The decoded bytes of section `name`, items in C order.

        Raises:
            ArchiveError: missing, damaged or not decodable.
        """
        section = self.find(name)
        stored = self.stored_bytes(section)
        if section.codec == "raw":
            return stored
        if section.codec == "adaptive":
            return self._unpack_integers(section, stored)
        if section.codec == "standard":
            return self._standard_frame(section)
        where, by_dictionary = f"{self.path}: section {name}", section.codec == "zstd-1"
        decoded = _inflate(stored, section.decoded_bytes, where, name, by_dictionary=by_dictionary)
        width = section.dtype.itemsize
        if width > 1:
            decoded = np.frombuffer(decoded, np.uint8).reshape(width, -1).T.tobytes()
        return decoded

    @cached_property
    def serial_sections(self) -> tuple[str, ...]:
        """Names of those whose integers are read bit by bit."""
        return tuple(name for name, section in self.sections.items() if section.codec == "adaptive")

    def largest(self, end: str) -> int:
        """Most decoded bytes of the sections whose names end so."""
        if end not in self._largest:
            sizes = (section.decoded_bytes for name, section in self.sections.items() if name.endswith(end))
            self._largest[end] = max(sizes, default=0)
        return self._largest[end]

    def serial_seconds(self, name: str) -> float:
        """Seconds of one core, an estimate, that a section's integers take bit by bit; of one that is not there, 0."""
        section = self.sections.get(name)
        if section is None or section.codec != "adaptive":
            return 0.0
        return (INTEGER_S if c_module.IS_BUILT else PYTHON_INTEGER_S) * math.prod(section.shape)

    def _standard_frame(self, section: Section) -> bytes:
        """A graph that the metadata tell."""
        with importing.raw:
            from .daybasis.standard_frame import frame_of

        try:
            graph = frame_of(self.metadata, section.name)
        except EntropyError as error:
            raise self.invalid(section.name, error) from error
        if section.stored_bytes or section.dtype != np.uint8 or len(graph) != section.decoded_bytes:
            raise self.invalid(section.name, f"expected no stored bytes and {len(graph)} decoded, found others")
        return graph

    def _unpack_integers(self, section: Section, stored: bytes) -> bytes:
        """Signed integers in adaptive bits, as the section has them."""
        with importing.raw:
            from .integer_array import unpack_integers  # what it takes is not loaded where nothing needs it

        try:
            coded = zigzag(unpack_integers(stored, section.shape))
        except EntropyError as error:
            raise self.invalid(section.name, error) from error
        largest = 0 if section.dtype.kind == "f" else np.iinfo(section.dtype).max
        if not 0 <= coded.min(initial=0) <= coded.max(initial=0) <= largest:
            raise self.invalid(section.name, f"expected integers that {section.dtype} holds, found larger ones")
        return coded.astype(section.dtype).tobytes()

    def read_array(self, name: str) -> np.ndarray:
        """The decoded array of section `name`, shaped and typed as its entry says (read-only memory).

        Raises:
            ArchiveError: missing, damaged or not decodable.
        """
        section = self.find(name)
        return np.frombuffer(self.read_bytes(name), section.dtype).reshape(section.shape)

    def digests(self) -> tuple[str | None, str]:
        """The SHA-256 that the metadata states, None where there is none, and that of the file. FORMAT.md "Digest".

        Raises:
            ArchiveError: the file ends early, or cannot be read.
        """
        stored_bytes, metadata_bytes = self._metadata_bytes
        text = self._inflate_metadata(self._file.read_all(HEADER.size, stored_bytes, "metadata.json"), metadata_bytes)
        with importing.raw:
            import hashlib  # loads OpenSSL, which decoding does without

        digest = hashlib.sha256(without_digest(text, self.metadata.get(DIGEST_FIELD)))
        for section in self.sections.values():
            digest.update(self.found_bytes_of(section))
        stated = self.metadata.get(DIGEST_FIELD)
        return (None if stated is None else f"{one_line(repr_of(stated)):.100}"), digest.hexdigest()

    def invalid(self, name: str, problem: object) -> InvalidSectionError:
        """The error that says what is wrong with a section."""
        return InvalidSectionError(f"{self.path}: section {name}: {problem}", section=name)

    def verify(self) -> None:
        """Read and decode every section once, and compare the digest, where there is one.

        Raises:
            ArchiveError: the first one that is damaged or not decodable.
        """
        for name in self.sections:
            self.read_bytes(name)
        stated, found = self.digests()
        if stated not in (None, found):
            raise DamagedArchiveError(f"{self.path}: expected SHA-256 {stated}, found {found}")

    def close(self) -> None:
        """Close the file; arrays already read stay usable."""
        self._file.close()

    def __enter__(self) -> Container:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
