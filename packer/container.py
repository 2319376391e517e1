"""Write an archive: sections, metadata, header; to a temporary file, reopened and verified, then renamed."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from decompressor.archive import open_archive
from decompressor.container import DIGEST_FIELD, HEADER, HEADER_CRC_BYTES, MAGIC, MAJOR
from decompressor.errors import DamagedArchiveError
from decompressor.output import write_atomic
from decompressor.sections import DTYPES, Section

ZSTD_LEVEL = 22


def deflate(data: bytes) -> bytes:
    """One zstd frame that declares its size; the same bytes for the same input and library version."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        ZSTD_LEVEL, source_size=len(data), write_content_size=True, write_checksum=False, write_dict_id=False
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def _json(metadata: dict[str, Any]) -> bytes:
    return json.dumps(metadata, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("utf-8")


def _verify(candidate: Path) -> None:
    """Decode a little of everything.

    Raises:
        ArchiveError: it does not read back.
    """
    with open_archive(candidate, provider="cpu") as archive:
        archive.container.verify()
        stated, found = archive.container.digests()
        if stated != found:
            raise DamagedArchiveError(f"{candidate}: digest: expected {stated}, found {found}")
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
    """

    metadata: dict[str, Any]
    minor: int = 0
    _entries: list[dict[str, Any]] = field(default_factory=list)
    _stored: list[bytes] = field(default_factory=list)
    _end: int = 0

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
        self._entries.append(
            {
                "name": name,
                "codec": codec,
                "offset": self._end,
                "stored_bytes": len(stored),
                "decoded_bytes": len(plain),
                "dtype": code,
                "shape": list(array.shape),
                "crc32": zlib.crc32(stored),
            }
        )
        self._stored.append(stored)
        self._end += len(stored)

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
        self._stored.append(stored)
        self._end += len(stored)

    def add_bytes(self, name: str, data: bytes) -> None:
        """Add a section of plain bytes, such as an ONNX graph."""
        self.add(name, np.frombuffer(data, np.uint8))

    def to_bytes(self) -> bytes:
        """The whole file."""
        metadata = {
            **self.metadata, "version": f"{MAJOR}.{self.minor}", "sections": self._entries, DIGEST_FIELD: "0" * 64
        }  # fmt: skip
        digest = hashlib.sha256(_json(metadata))
        for stored in self._stored:
            digest.update(stored)
        text = _json({**metadata, DIGEST_FIELD: digest.hexdigest()})
        packed = deflate(text)
        file_bytes = HEADER.size + len(packed) + self._end
        head = HEADER.pack(MAGIC, MAJOR, self.minor, len(packed), len(text), file_bytes, 0)[:HEADER_CRC_BYTES]
        crc = zlib.crc32(packed, zlib.crc32(head))
        return b"".join([head, crc.to_bytes(4, "little"), packed, *self._stored])

    def write(self, path: Path) -> int:
        """Write the archive; the file at `path` is replaced only by one that was reopened and verified.

        Returns:
            Its size in bytes.

        Raises:
            OutputError: it cannot be written.
            ArchiveError: what was written does not read back (a defect of the packer or of the disk).
        """
        data = self.to_bytes()
        write_atomic(path, lambda file: file.write(data), durable=True, check=_verify)
        return len(data)
