"""Write an archive: sections, metadata, header; to a temporary file, reopened and verified, then renamed."""

from __future__ import annotations

import hashlib
import io
import logging
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import zstandard

from todpack.decompressor.archive import Archive, open_archive
from todpack.decompressor.bits import EntropyError, zigzag
from todpack.decompressor.container import DIGEST_FIELD, HEADER, HEADER_CRC_BYTES, MAGIC, MAJOR
from todpack.decompressor.daybasis.standard_frame import frame_of
from todpack.decompressor.errors import DamagedArchiveError, LimitExceededError
from todpack.decompressor.files import write_atomic
from todpack.decompressor.limits import DEFAULT_LIMITS, Limits
from todpack.decompressor.packed_metadata import REQUIRED as PACKED_REQUIRED
from todpack.decompressor.packed_metadata import canonical
from todpack.decompressor.sections import DTYPES, Section
from todpack.decompressor.zstd_frames import DICTIONARY

from .adaptive_bits import pack_integers
from .packed_metadata import pack_metadata

log = logging.getLogger("todpack.pack")
READERS_SHARE = 0.7
"""Of a reader's time."""

Result = TypeVar("Result")

ZSTD_LEVEL = 22
PIECE_BYTES = 1 << 20
ALWAYS_REQUIRED = ("dictionary", "digest", "adaptive")
"""Features of every archive that is written."""
OLDEST_MINOR = 3
MINOR_OF_FEATURE = {"probes": 4, "maps": 4, "packed": 4}
"""Minor versions: what readers of it need, and what features need beyond."""
SAVED_SHARE = 200
"""Metadata are packed where that saves one byte in so many."""
PADDING = "padding"
MIN_PADDING, MAX_PADDING = 512, 1 << 20
"""Zeros at first, and after how many there are no more, unless the sections have more bytes themselves."""


def deflate(data: bytes) -> bytes:
    """One zstd frame that declares its size; the same bytes for the same input and library version."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        ZSTD_LEVEL, source_size=len(data), write_content_size=True, write_checksum=False, write_dict_id=False
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def deflate_by_dictionary(data: bytes) -> bytes:
    """One zstd frame that refers to the format's dictionary, without magic number and content size."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        ZSTD_LEVEL, source_size=len(data), format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=False
    )
    content = zstandard.ZstdCompressionDict(DICTIONARY, zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdCompressor(dict_data=content, compression_params=parameters).compress(data)


def _entry(
    name: str, codec: str, decoded_bytes: int, dtype: np.dtype[Any], shape: Sequence[int], crc32: int
) -> dict[str, Any]:
    """A section's entry in the metadata, but for its size and place."""
    code = dtype.str.lstrip("<>|=")
    fields = {"dtype": code, "shape": list(shape), "crc32": crc32}
    return {"name": name, "codec": codec, "decoded_bytes": decoded_bytes, **fields}


def _of_all_readers(limits: Limits) -> Limits:
    """Limits under which an archive opens by libtodpack too, whose estimates of time are up to a third higher."""
    share = READERS_SHARE
    return replace(limits, seconds=share * limits.seconds, seconds_per_byte=share * limits.seconds_per_byte)


def _verify(candidate: Path, check: Callable[[Archive], object], limits: Limits) -> None:
    """Checksums, digest, and what `check` decodes.

    Raises:
        ArchiveError: it does not read back.
    """
    with open_archive(candidate, provider="cpu", limits=_of_all_readers(limits), gutter="mean") as archive:
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
        spool: Open file that keeps the sections until `write`; None keeps them in memory.
        packs_metadata: Whether metadata may go into adaptive bits, which version 1.4 of the format reads.
    """

    metadata: dict[str, Any]
    spool: BinaryIO | None = None
    packs_metadata: bool = False
    _lead: list[tuple[dict[str, Any], bytes]] = field(default_factory=list)
    _entries: list[dict[str, Any]] = field(default_factory=list)
    _stored: list[bytes] = field(default_factory=list)
    _graph_crcs: dict[str, int] = field(default_factory=dict)
    _padding: int = 0

    def add(self, name: str, array: np.ndarray, *, lead: bool = False) -> None:
        """Add a section, compressed where that is smaller.

        Args:
            name: Unique within the archive.
            array: Of one of the types in FORMAT.md; items of several bytes are stored byte plane by byte plane.
            lead: Put it before all sections that do not lead.
        """
        code = array.dtype.str.lstrip("<>|=")
        items = np.ascontiguousarray(array, DTYPES[code])
        plain = items.tobytes()
        planes = np.frombuffer(plain, np.uint8).reshape(-1, items.itemsize).T.tobytes() if items.itemsize > 1 else plain
        codec, stored = min(
            [("raw", plain), ("zstd", deflate(planes)), ("zstd-1", deflate_by_dictionary(planes))],
            key=lambda choice: len(choice[1]),
        )
        entry = _entry(name, codec, array.nbytes, array.dtype, array.shape, zlib.crc32(stored))
        self._keep(entry, stored, lead)

    def add_integers(self, name: str, values: np.ndarray, *, lead: bool = False) -> None:
        """Add signed integers, stored by zigzag, in adaptive bits or as `add` has them; arguments as there."""
        coded = zigzag(values)
        array = coded.astype(np.uint16 if int(coded.max(initial=0)) <= 0xFFFF else np.int32)
        packed = pack_integers(values)
        if packed is None:
            self.add(name, array, lead=lead)
            return
        entry = _entry(name, "adaptive", array.nbytes, array.dtype, array.shape, zlib.crc32(packed))
        self._keep(entry, packed, lead)

    def add_stored(self, name: str, section: Section, stored: bytes) -> None:
        """Add a section of another archive as it is stored there.

        Args:
            name: Unique within this archive.
            section: Its entry in the other archive.
            stored: Its bytes.
        """
        entry = _entry(name, section.codec, section.decoded_bytes, section.dtype, section.shape, section.crc32)
        self._keep(entry, stored)

    def _keep(self, entry: dict[str, Any], stored: bytes, lead: bool = False) -> None:
        entry["stored_bytes"] = len(stored)
        if lead:
            self._lead.append((entry, stored))
            return
        self._entries.append(entry)
        if self.spool is None:
            self._stored.append(stored)
        else:
            self.spool.write(stored)

    def add_bytes(self, name: str, data: bytes, *, lead: bool = False) -> None:
        """Add a section of plain bytes, such as an ONNX graph; arguments as of `add`."""
        if name.endswith("/frame.onnx"):
            self._graph_crcs[name] = zlib.crc32(data)
        self.add(name, np.frombuffer(data, np.uint8), lead=lead)

    def _layout(self) -> tuple[bytes, list[bytes]]:
        """The file up to its first section, and the stored bytes of the sections that lead."""
        lead = [stored for _, stored in self._lead]
        entries = [*(entry for entry, _ in self._lead), *self._entries]
        head = self._head(entries, lead, packs=False)
        assert head is not None
        if self.packs_metadata:
            known = [self._known(entry) for entry in entries]
            told_lead = [b"" if entry["codec"] == "standard" else s for entry, s in zip(known, lead, strict=False)]
            n_bytes = sum(entry["stored_bytes"] for entry in entries)
            plain = len(head) + sum(map(len, lead)) - sum(map(len, told_lead))  # what is replaced by packed metadata
            packed = self._head(known, told_lead, packs=True) if plain * SAVED_SHARE > n_bytes else None
            if packed is not None and (plain - len(packed)) * SAVED_SHARE > n_bytes:
                return packed, told_lead
        return head, lead

    def _known(self, entry: dict[str, Any]) -> dict[str, Any]:
        """A section's entry; of a graph that the metadata tell, without its bytes."""
        if not entry["name"].endswith("/frame.onnx"):
            return entry
        try:
            is_told = zlib.crc32(frame_of(self.metadata, entry["name"])) == self._graph_crcs.get(entry["name"])
        except EntropyError:
            return entry
        return {**entry, "codec": "standard", "stored_bytes": 0, "crc32": 0} if is_told else entry

    def _sections(self, lead: list[bytes]) -> Iterator[bytes]:
        """What follows the head, in pieces."""
        yield from lead
        if self.spool is None:
            yield from self._stored
        else:
            self.spool.seek(0)
            while piece := self.spool.read(PIECE_BYTES):
                yield piece

    def _head(self, entries: list[dict[str, Any]], lead: list[bytes], *, packs: bool) -> bytes | None:
        """The file up to its first section; None where its metadata cannot be packed."""
        placed, end = [], 0
        for entry in entries:
            placed.append({**entry, "offset": end})
            end += entry["stored_bytes"]
        required = [*self.metadata.get("requires", ()), *(PACKED_REQUIRED if packs else ALWAYS_REQUIRED)]
        version = MAJOR, max(MINOR_OF_FEATURE.get(name, OLDEST_MINOR) for name in required)
        own = {
            "requires": required,
            "version": f"{version[0]}.{version[1]}",
            "sections": placed,
            DIGEST_FIELD: "0" * 64,
        }
        metadata = {**self.metadata, **own}
        digest = hashlib.sha256(canonical(metadata))
        for piece in self._sections(lead):
            digest.update(piece)
        text = canonical({**metadata, DIGEST_FIELD: digest.hexdigest()})
        packed = pack_metadata(text) if packs else deflate_by_dictionary(text)
        if packed is None:
            return None
        sizes = len(packed), len(text), HEADER.size + len(packed) + end
        head = HEADER.pack(MAGIC, *version, *sizes, 0)[:HEADER_CRC_BYTES]
        return b"".join([head, zlib.crc32(packed, zlib.crc32(head)).to_bytes(4, "little"), packed])

    @property
    def size_bytes(self) -> int:
        """Size of the file if it were written now."""
        head, lead = self._layout()
        return len(head) + sum(map(len, lead)) + sum(int(entry["stored_bytes"]) for entry in self._entries)

    def to_bytes(self) -> bytes:
        """The whole file, in memory."""
        head, lead = self._layout()
        return b"".join([head, *self._sections(lead)])

    def _copy_to(self, file: BinaryIO) -> None:
        head, lead = self._layout()
        file.write(head)
        file.writelines(self._sections(lead))

    def reopened(self, use: Callable[[Archive], Result], limits: Limits = DEFAULT_LIMITS) -> Result:
        """What `use` makes of the archive as it stands, read back from memory or from a temporary file.

        It is filled up where `write` would have to.
        """
        while True:
            with io.BytesIO() if self.spool is None else tempfile.TemporaryFile() as file:
                self._copy_to(file)
                try:
                    with open_archive(file, provider="cpu", limits=_of_all_readers(limits), gutter="mean") as archive:
                        return use(archive)
                except LimitExceededError:
                    if not self._pad():
                        raise

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
            LimitExceededError: readers would refuse it, filled up too.
            ArchiveError: what was written does not read back (a defect of the packer or of the disk).
        """
        verify = partial(_verify, check=check, limits=limits)
        while True:
            try:
                write_atomic(path, self._copy_to, durable=True, check=verify)
                size = path.stat().st_size
                if self._padding:
                    what = "are zeros, without which readers would refuse a file that asks for so much"
                    log.info("%s: %d of %d bytes %s", path, self._padding, size, what)
                return size
            except LimitExceededError as error:
                if not self._pad():
                    reason = str(error).rpartition(".part: ")[2]  # what is behind the name of the file in the making
                    raise LimitExceededError(
                        f"{path}: readers would refuse it, with {self._padding} bytes of zeros too; expected fewer "
                        f"lightmaps in an archive, or fewer times: {reason}"
                    ) from error

    def _pad(self) -> bool:
        """Add a section of zeros, stored as they are, which nobody reads; False where more of them would not help."""
        own = sum(entry["stored_bytes"] for entry in self._entries) - self._padding
        if self._padding >= max(MAX_PADDING, own):
            return False
        zeros = bytes(max(MIN_PADDING, self._padding))
        name = f"{PADDING}/{sum(entry['name'].startswith(PADDING) for entry in self._entries)}"
        entry = _entry(name, "raw", len(zeros), np.dtype(np.uint8), (len(zeros),), zlib.crc32(zeros))
        self._keep(entry, zeros)
        self._padding += len(zeros)
        return True
