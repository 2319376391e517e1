"""The table of sections in the metadata. FORMAT.md "Sections"."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InvalidSectionError, LimitExceededError
from .json_fields import Fields
from .limits import Limits

CODECS = ("raw", "zstd", "zstd-1", "adaptive", "standard")
DTYPES = {"u1": "<u1", "i1": "<i1", "u2": "<u2", "i2": "<i2", "i4": "<i4", "f2": "<f2", "f4": "<f4"}
MAX_DIMENSIONS = 8
MAX_DIMENSIONS_OF_CODEC = {"adaptive": 3, "standard": 1}  # of the others: MAX_DIMENSIONS


@dataclass(frozen=True)
class Section:
    """One entry of the table.

    Attributes:
        name: Unique path-like name, such as `0/grid/2`.
        codec: Of CODECS.
        offset: In the file, bytes (the table counts from the end of the metadata).
        stored_bytes: Size in the file.
        decoded_bytes: Size after decoding = product of `shape` times the item size.
        dtype: Type of the items, little-endian.
        shape: Shape of the array.
        crc32: CRC-32 of the stored bytes.
    """

    name: str
    codec: str
    offset: int
    stored_bytes: int
    decoded_bytes: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    crc32: int


def _read_section(entry: Any, where: str, limits: Limits) -> Section:
    fields = Fields(entry, where)
    name = fields.text("name")
    where = f"{where} ({name})"
    code = fields.choice("dtype", tuple(DTYPES))
    shape = tuple(fields.integers("shape", 0, MAX_DIMENSIONS))
    section = Section(
        name=name,
        codec=fields.choice("codec", CODECS),
        offset=fields.integer("offset", 0, 1 << 62),
        stored_bytes=fields.integer("stored_bytes", 0, 1 << 62),
        decoded_bytes=fields.integer("decoded_bytes", 0, 1 << 62),
        dtype=np.dtype(DTYPES[code]),
        shape=shape,
        crc32=fields.integer("crc32", 0, (1 << 32) - 1),
    )
    if any(n < 0 for n in shape) or math.prod(shape) * section.dtype.itemsize != section.decoded_bytes:
        raise InvalidSectionError(
            f"{where}: expected shape {list(shape)} of {code} to have decoded_bytes, found {section.decoded_bytes}"
        )
    if section.codec == "raw" and section.stored_bytes != section.decoded_bytes:
        raise InvalidSectionError(f"{where}: raw, but stored and decoded sizes differ")
    most = MAX_DIMENSIONS_OF_CODEC.get(section.codec, MAX_DIMENSIONS)
    if len(shape) > most:
        raise InvalidSectionError(
            f"{where}: expected at most {most} dimensions of the codec {section.codec}, found {len(shape)}"
        )
    # an empty array counts as if its empty sides were 1: NumPy has no arrays of other huge sides either
    n_bytes = math.prod(max(1, n) for n in shape) * section.dtype.itemsize
    if n_bytes > limits.section_bytes:
        raise LimitExceededError(f"{where}: {n_bytes} bytes are over the limit of {limits.section_bytes}")
    if section.decoded_bytes > max(limits.free_expansion_bytes, limits.expansion * section.stored_bytes):
        raise LimitExceededError(
            f"{where}: {section.stored_bytes} bytes would expand to {section.decoded_bytes}, over the limit of "
            f"{limits.expansion} times"
        )
    return section


def read_section_table(
    metadata: dict[str, Any], path: Path, start: int, file_bytes: int, counted_bytes: int, limits: Limits
) -> dict[str, Section]:
    """Read and check the table: sections follow each other without gaps from the metadata to the end of the file.

    Args:
        metadata: Parsed metadata.json.
        path: The file, for messages.
        start: Offset of the first byte after the metadata.
        file_bytes: Size of the file by its header.
        counted_bytes: Size that limits go by.
        limits: Caps.

    Returns:
        Sections by name, in file order.

    Raises:
        ArchiveError: a wrong or missing field, a gap, an overlap, a name twice, or more than the limits allow.
    """
    where = f"{path}: metadata.json"
    entries = Fields(metadata, where).items("sections", 0, 1 << 62)
    if len(entries) > limits.n_sections:
        raise LimitExceededError(f"{where}: {len(entries)} sections are over the limit of {limits.n_sections}")
    sections: dict[str, Section] = {}
    at = 0
    for index, entry in enumerate(entries):
        section = _read_section(entry, f"{where}: sections[{index}]", limits)
        if section.name in sections:
            raise InvalidSectionError(f"{where}: sections[{index}]: the name {section.name!r} stands twice")
        if section.offset != at:
            raise InvalidSectionError(f"{where}: sections[{index}]: expected offset {at}, found {section.offset}")
        at += section.stored_bytes
        sections[section.name] = replace(section, offset=start + section.offset)
    decoded_bytes, limit = sum(s.decoded_bytes for s in sections.values()), limits.decoded_for(counted_bytes)
    if decoded_bytes > limit:
        raise LimitExceededError(
            f"{where}: sections of {decoded_bytes} decoded bytes are over the limit of {limit} for a file of this size"
        )
    if start + at != file_bytes:
        raise InvalidSectionError(f"{where}: sections end at {start + at}, the file at {file_bytes}")
    return sections
