"""Write an archive: sections, metadata, header; to a temporary file, reopened and verified, then renamed."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import zstandard

from todpack.decompressor.archive import Archive, open_archive
from todpack.decompressor.container import DIGEST_FIELD, HEADER, HEADER_CRC_BYTES, MAGIC, MAJOR
from todpack.decompressor.errors import DamagedArchiveError, LimitExceededError
from todpack.decompressor.limits import DEFAULT_LIMITS, Limits
from todpack.decompressor.output import write_atomic
from todpack.decompressor.sections import DTYPES, Section

ZSTD_LEVEL = 22
PIECE_BYTES = 1 << 20
PADDING = "padding"
MIN_PADDING, MAX_PADDING = 512, 1 << 20


def deflate(data: bytes) -> bytes:
    """One zstd frame that declares its size; the same bytes for the same input and library version."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        ZSTD_LEVEL, source_size=len(data), write_content_size=True, write_checksum=False, write_dict_id=False
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def _json(metadata: dict[str, Any]) -> bytes:
    return json.dumps(metadata, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("utf-8")


def _verify(candidate: Path, check: Callable[[Archive], object], limits: Limits) -> None:
    """Checksums, digest, and what `check` decodes.

    Raises:
        ArchiveError: it does not read back.
    """
    with open_archive(candidate, provider="cpu", limits=limits) as archive:
        archive.container.verify()
        stated, found = archive.container.digests()
        if stated != found:
            raise DamagedArchiveError(f"{candidate}: digest: expected {stated}, found {found}")
        check(archive)


def decode_everything(archive: Archive) -> None:
    """Decode every tile and mask, and a texel of each lightmap.

    Raises:
        ArchiveError: something does not decode.
    """
    archive.prepare()
    for lightmap in archive.lightmaps:
        lightmap.decode(float(lightmap.hours[0]), (0, 1, 0, 1), "float32")
        _ = lightmap.valid


@dataclass
class ArchiveWriter:
    """Collects sections in order; `write` makes the file.

    Attributes:
        metadata: Everything in metadata.json but `version` and `sections`.
        minor: Lowest minor version of the format that has all that the archive uses.
        spool: Open file that keeps the sections until `write`; None keeps them in memory.
    """

    metadata: dict[str, Any]
    minor: int = 0
    spool: BinaryIO | None = None
    _entries: list[dict[str, Any]] = field(default_factory=list)
    _stored: list[bytes] = field(default_factory=list)
    _end: int = 0
    _padding: int = 0

    def add(self, name: str, array: np.ndarray) -> None:
        """Add a section, zstd-compressed where that is smaller.

        Args:
            name: Unique within the archive.
            array: Of one of the types in FORMAT.md; items of several bytes are stored byte plane by byte plane.
        """
        code = array.dtype.str.lstrip("<>|=")
        items = np.ascontiguousarray(array, DTYPES[code])
        plain = items.tobytes()
        planes = np.frombuffer(plain, np.uint8).reshape(-1, items.itemsize).T.tobytes() if items.itemsize > 1 else plain
        packed = deflate(planes)
        codec, stored = ("zstd", packed) if len(packed) < len(plain) else ("raw", plain)
        self._enter(name, codec, array, stored)

    def _enter(self, name: str, codec: str, array: np.ndarray, stored: bytes) -> None:
        self._entries.append(
            {
                "name": name,
                "codec": codec,
                "offset": self._end,
                "stored_bytes": len(stored),
                "decoded_bytes": array.nbytes,
                "dtype": array.dtype.str.lstrip("<>|="),
                "shape": list(array.shape),
                "crc32": zlib.crc32(stored),
            }
        )
        self._keep(stored)

    def add_stored(self, name: str, section: Section, stored: bytes) -> None:
        """Add a section of another archive as it is stored there.

        Args:
            name: Unique within this archive.
            section: Its entry in the other archive.
            stored: Its bytes.
        """
        self._entries.append(
            {
                "name": name,
                "codec": section.codec,
                "offset": self._end,
                "stored_bytes": len(stored),
                "decoded_bytes": section.decoded_bytes,
                "dtype": section.dtype.str.lstrip("<>|="),
                "shape": list(section.shape),
                "crc32": section.crc32,
            }
        )
        self._keep(stored)

    def _keep(self, stored: bytes) -> None:
        if self.spool is None:
            self._stored.append(stored)
        else:
            self.spool.write(stored)
        self._end += len(stored)

    def add_bytes(self, name: str, data: bytes) -> None:
        """Add a section of plain bytes, such as an ONNX graph."""
        self.add(name, np.frombuffer(data, np.uint8))

    def _sections(self) -> Iterator[bytes]:
        """What follows the head, in pieces."""
        if self.spool is None:
            yield from self._stored
        else:
            self.spool.seek(0)
            while piece := self.spool.read(PIECE_BYTES):
                yield piece

    def _head(self) -> bytes:
        """The file up to its first section."""
        metadata = {
            **self.metadata, "version": f"{MAJOR}.{self.minor}", "sections": self._entries, DIGEST_FIELD: "0" * 64
        }  # fmt: skip
        digest = hashlib.sha256(_json(metadata))
        for piece in self._sections():
            digest.update(piece)
        text = _json({**metadata, DIGEST_FIELD: digest.hexdigest()})
        packed = deflate(text)
        file_bytes = HEADER.size + len(packed) + self._end
        head = HEADER.pack(MAGIC, MAJOR, self.minor, len(packed), len(text), file_bytes, 0)[:HEADER_CRC_BYTES]
        crc = zlib.crc32(packed, zlib.crc32(head))
        return b"".join([head, crc.to_bytes(4, "little"), packed])

    @property
    def size_bytes(self) -> int:
        """Of the whole file as it stands."""
        return len(self._head()) + self._end

    def to_bytes(self) -> bytes:
        """The whole file (of sections that are kept in memory)."""
        assert self.spool is None
        return b"".join([self._head(), *self._stored])

    def _copy_to(self, file: BinaryIO) -> None:
        file.write(self._head())
        file.writelines(self._sections())

    def write(
        self, path: Path, check: Callable[[Archive], object] = decode_everything, limits: Limits = DEFAULT_LIMITS
    ) -> int:
        """Write the archive; the file at `path` is replaced only by one that was reopened and verified.

        What decodes to much more than readers take from so small a file (large flat frames) is filled up until they do.

        Args:
            path: The file.
            check: Decodes what was written, after the checksums were verified.
            limits: To reopen it under.

        Returns:
            Its size in bytes.

        Raises:
            OutputError: it cannot be written.
            ArchiveError: what was written does not read back (a defect of the packer or of the disk).
        """
        verify = partial(_verify, check=check, limits=limits)
        while True:
            try:
                write_atomic(path, self._copy_to, durable=True, check=verify)
                return path.stat().st_size
            except LimitExceededError:
                if self._padding >= MAX_PADDING:
                    raise
                self._pad(max(MIN_PADDING, self._padding))

    def _pad(self, n_bytes: int) -> None:
        """Add a section of zeros, stored as they are, which nobody reads."""
        name = f"{PADDING}/{sum(entry['name'].startswith(PADDING) for entry in self._entries)}"
        zeros = bytes(n_bytes)
        self._enter(name, "raw", np.frombuffer(zeros, np.uint8), zeros)
        self._padding += n_bytes
