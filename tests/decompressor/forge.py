"""Take archives apart and put hostile ones together, by FORMAT.md's numbers and without the packer's code."""

from __future__ import annotations

import copy
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

import todpack.decompressor
from todpack.decompressor import open_archive
from todpack.decompressor.container import MINOR
from todpack.decompressor.packed_metadata import unpack_metadata

HEADER = "<8sHHIIQI"
HEADER_BYTES = 32
MAGIC = b"\x89TOD\r\n\x1a\n"
DICTIONARY = Path(todpack.decompressor.__path__[0]) / "dictionary.bin"


def take_apart(data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """An archive's metadata and the stored bytes of its sections."""
    _, _, _, stored_bytes, _, _, _ = struct.unpack(HEADER, data[:HEADER_BYTES])
    start = HEADER_BYTES + stored_bytes
    metadata = json.loads(metadata_text(data))
    return metadata, [data[start + s["offset"] :][: s["stored_bytes"]] for s in metadata["sections"]]


def metadata_text(data: bytes) -> bytes:
    """metadata.json of an archive, by either kind of frame, or packed."""
    _, _, _, stored_bytes, n_text, _, _ = struct.unpack(HEADER, data[:HEADER_BYTES])
    frame = data[HEADER_BYTES : HEADER_BYTES + stored_bytes]
    if frame[:4] == b"\x28\xb5\x2f\xfd":
        return zstandard.decompress(frame)
    if frame[:1] == b"\x0f":
        return unpack_metadata(frame)
    return _by_dictionary(frame, n_text)


def decoded_section(entry: dict[str, Any], stored: bytes) -> bytes:
    """The content of a section's zstd frame, of either kind."""
    if entry["codec"] == "zstd":
        return zstandard.decompress(stored)
    return _by_dictionary(stored, entry["decoded_bytes"])


def _by_dictionary(frame: bytes, n_bytes: int) -> bytes:
    content = zstandard.ZstdCompressionDict(DICTIONARY.read_bytes(), zstandard.DICT_TYPE_RAWCONTENT)
    decompressor = zstandard.ZstdDecompressor(content, format=zstandard.FORMAT_ZSTD1_MAGICLESS)
    return decompressor.decompress(frame, max_output_size=n_bytes)


def magicless(data: bytes) -> bytes:
    """A zstd frame without magic number and content size, for the codec zstd-1; it makes no use of the dictionary."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        3, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=False
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def with_header(packed: bytes, n_text: int, rest: bytes, *, major: int = 1, minor: int = MINOR) -> bytes:
    """Header with true sizes and checksum, before packed metadata and sections."""
    size = HEADER_BYTES + len(packed) + len(rest)
    head = struct.pack(HEADER, MAGIC, major, minor, len(packed), n_text, size, 0)[:-4]
    return head + struct.pack("<I", zlib.crc32(packed, zlib.crc32(head))) + packed + rest


def with_text(text: bytes, rest: bytes = b"", *, minor: int = 0) -> bytes:
    """An archive whose metadata is any bytes."""
    return with_header(zstandard.compress(text), len(text), rest, minor=minor)


def put_together(
    metadata: dict[str, Any], stored: list[bytes], spoil: Callable[[dict[str, Any]], object] = lambda _: None
) -> bytes:
    """An archive with true offsets, sizes and checksums, but for what `spoil` then does to its metadata."""
    entry, at = copy.deepcopy(metadata), 0
    for section, blob in zip(entry["sections"], stored, strict=True):
        section.update(offset=at, stored_bytes=len(blob), crc32=zlib.crc32(blob))
        at += len(blob)
    spoil(entry)
    minor = int(metadata["version"].split(".")[1])
    return with_text(json.dumps(entry).encode(), b"".join(stored), minor=minor)


def set_section(metadata: dict[str, Any], stored: list[bytes], name: str, array: np.ndarray, code: str) -> None:
    """Replace a section by a raw array, its entry with it."""
    index = [s["name"] for s in metadata["sections"]].index(name)
    stored[index] = array.tobytes()
    metadata["sections"][index].update(
        codec="raw", decoded_bytes=array.nbytes, dtype=code, shape=list(array.shape)
    )  # offset, size and checksum follow in `put_together`


def decode_all(path: Path) -> list[np.ndarray]:
    """All that an archive gives: every hour's frame and the mask of every lightmap."""
    with open_archive(path, threads=1, provider="cpu") as archive:
        archive.prepare()
        frames = [m.decode(float(t)) for m in archive.lightmaps for t in m.hours]
        return [*frames, *(m.valid for m in archive.lightmaps)]


def with_large_sums(golden: Path, path: Path) -> Path:
    """Write a daybasis archive of 24 hours anew, with a matrix whose sums of products are not exact in float32."""
    metadata, stored = take_apart(golden.read_bytes())
    metadata.pop("sha256", None)
    basis = np.zeros((metadata["lightmaps"][0]["model"]["n_components"] + 1, 3, 24), "<i4")
    basis[:, 1, 0] = (1 << 24) + 2  # of green, at all hours; zigzag
    set_section(metadata, stored, "0/basis", basis, "i4")
    path.write_bytes(put_together(metadata, stored))
    return path


def damage(path: Path, out: Path, *sections: str) -> Path:
    """Flip a bit in the middle of some sections."""
    data = bytearray(path.read_bytes())
    with open_archive(path, provider="cpu") as archive:
        for name in sections:
            section = archive.container.sections[name]
            data[section.offset + section.stored_bytes // 2] ^= 4
    out.write_bytes(data)
    return out
