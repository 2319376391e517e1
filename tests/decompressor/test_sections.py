"""Hostile tables of sections."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from tests.decompressor.forge import decode_all, magicless, put_together, set_section, take_apart
from todpack.decompressor import (
    ArchiveError,
    DamagedArchiveError,
    InvalidMetadataError,
    InvalidSectionError,
    LimitExceededError,
    open_archive,
)
from todpack.decompressor.bits import EntropyError
from todpack.decompressor.zstd_frames import unzstd

SECTION_FIELDS = ("name", "codec", "offset", "stored_bytes", "decoded_bytes", "dtype", "shape", "crc32")
GIB = 1 << 30
Entries = list[dict[str, Any]]


def refused(path: Path, data: bytes, kind: type[ArchiveError], words: str) -> None:
    path.write_bytes(data)
    with pytest.raises(kind, match=words) as caught:
        decode_all(path)
    assert caught.type is kind


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (lambda s: s[1].update(offset=s[1]["offset"] - 1), InvalidSectionError, r"sections\[1\]: expected offset"),
        (lambda s: s[1].update(offset=s[1]["offset"] + 1), InvalidSectionError, r"sections\[1\]: expected offset"),
        (lambda s: s[0].update(offset=1), InvalidSectionError, r"sections\[0\]: expected offset"),
        (lambda s: s[1].update(name=s[0]["name"]), InvalidSectionError, r"the name '0/mask' stands twice"),
        (lambda s: s.pop(), InvalidSectionError, "sections end at .*, the file at"),
        (lambda s: s.clear(), InvalidSectionError, "sections end at .*, the file at"),
        (lambda s: s[1].update(shape=[1, 2, 3]), InvalidSectionError, "to have decoded_bytes, found 4"),
        (lambda s: s[1].update(shape=[-1, 2, -2]), InvalidSectionError, r"shape \[-1, 2, -2\]"),
        (lambda s: s[1].update(shape=[1, 2, 2.0]), InvalidMetadataError, "shape: expected an array of 0..8 integers"),
        (lambda s: s[1].update(shape=[1] * 9), InvalidMetadataError, "shape: expected an array of 0..8 integers"),
        (lambda s: s[1].update(shape=[1 << 60]), InvalidMetadataError, "shape: expected an array of 0..8 integers"),
        (
            lambda s: s[1].update(shape=[5], decoded_bytes=5),
            InvalidSectionError,
            "raw, but stored and decoded sizes differ",
        ),
        (
            lambda s: s[1].update(codec="lzma"),
            InvalidMetadataError,
            "codec: expected one of raw, zstd, zstd-1, adaptive, standard, found",
        ),
        (
            lambda s: s[1].update(codec="adaptive", shape=[1, 1, *s[1]["shape"]]),
            InvalidSectionError,
            "expected at most 3 dimensions of the codec adaptive, found 5",
        ),
        (
            lambda s: s[1].update(codec="standard"),
            InvalidSectionError,
            "expected at most 1 dimensions of the codec standard, found 3",
        ),
        (lambda s: s[1].update(dtype="f8"), InvalidMetadataError, "dtype: expected one of u1, i1"),
        (lambda s: s[1].update(dtype=["u1"]), InvalidMetadataError, "dtype: expected one of u1, i1"),
        (lambda s: s[1].update(offset="8"), InvalidMetadataError, "offset: expected an integer"),
        (lambda s: s[1].update(offset=True), InvalidMetadataError, "offset: expected an integer"),
        (lambda s: s[1].update(stored_bytes=-1), InvalidMetadataError, "stored_bytes: expected an integer"),
        (lambda s: s[1].update(crc32=1 << 32), InvalidMetadataError, "crc32: expected an integer"),
        (lambda s: s[1].update(name="a\nb"), InvalidMetadataError, "name: expected printable text"),
        (lambda s: s[1].update(name="\ud800"), InvalidMetadataError, "name: expected printable text"),
        (lambda s: s[1].update(name=""), InvalidMetadataError, "name: expected printable text"),
        (lambda s: s.__setitem__(1, [1]), InvalidMetadataError, r"sections\[1\]: expected an object, found \[1\]"),
        (lambda s: s[1].update(crc32=0), DamagedArchiveError, "section 0/grid/0: checksum does not match"),
    ],
)
def test_hostile_entries(
    micro_archive: Path, tmp_path: Path, spoil: Callable[[Entries], object], kind: type[ArchiveError], words: str
) -> None:
    metadata, stored = take_apart(micro_archive.read_bytes())
    data = put_together(metadata, stored, lambda m: spoil(m["sections"]))
    refused(tmp_path / "hostile.tod", data, kind, words)


@pytest.mark.parametrize("field", SECTION_FIELDS)
def test_missing_field(micro_archive: Path, tmp_path: Path, field: str) -> None:
    metadata, stored = take_apart(micro_archive.read_bytes())
    data = put_together(metadata, stored, lambda m: m["sections"][2].pop(field))
    refused(tmp_path / "hostile.tod", data, InvalidMetadataError, f"expected the field '{field}'")


@pytest.mark.parametrize("claim", [GIB, GIB + 1, 900 << 20, 1 << 62], ids=["1 GiB", "more", "900 MiB", "2^62"])
def test_bombs_are_refused_before_anything_is_allocated(micro_archive: Path, tmp_path: Path, claim: int) -> None:
    """A few stored bytes that say they decode to gigabytes; the zstd frame says so too."""
    metadata, stored = take_apart(micro_archive.read_bytes())
    parameters = zstandard.ZstdCompressionParameters.from_level(1, write_content_size=True)
    bomb = zstandard.ZstdCompressor(compression_params=parameters).compressobj(size=claim)
    stored[3] = bomb.compress(bytes(1000)) + bomb.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    metadata["sections"][3].update(codec="zstd", decoded_bytes=claim, shape=[claim >> 10, 1 << 10], dtype="u1")
    if claim == GIB + 1:
        metadata["sections"][3]["shape"] = [claim]
    elif claim == 1 << 62:
        metadata["sections"][3]["shape"] = [1 << 31, 1 << 31]
    data = put_together(metadata, stored)
    tracemalloc.start()
    try:
        words = "are over the limit of 1073741824" if claim > GIB else f"would expand to {claim}, over the limit"
        refused(tmp_path / "bomb.tod", data, LimitExceededError, words)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("codec", "words"),
    [("zstd", "expected a zstd frame of 384 bytes"), ("zstd-1", "not a valid zstd frame: decompression error")],
)
def test_zstd_frame_larger_than_its_entry(micro_archive: Path, tmp_path: Path, codec: str, words: str) -> None:
    """The entry is modest, the frame inside is a bomb of 64 MiB."""
    metadata, stored = take_apart(micro_archive.read_bytes())
    stored[3] = zstandard.compress(bytes(64 << 20)) if codec == "zstd" else magicless(bytes(64 << 20))
    metadata["sections"][3]["codec"] = codec
    tracemalloc.start()
    try:
        data = put_together(metadata, stored)
        refused(tmp_path / "bomb.tod", data, InvalidSectionError, words)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("codec", ["zstd", "zstd-1"])
def test_section_that_is_not_zstd(micro_archive: Path, tmp_path: Path, codec: str) -> None:
    metadata, stored = take_apart(micro_archive.read_bytes())
    metadata["sections"][3]["codec"] = codec
    stored[3] = b"\x01" * len(stored[3])
    data = put_together(metadata, stored)
    refused(tmp_path / "bad.tod", data, InvalidSectionError, "section 0/baseline: not a valid zstd frame")


@pytest.mark.parametrize(
    ("name", "array", "code", "words"),
    [
        ("0/grid/0", np.zeros((1, 2, 2), "<f4"), "f4", "expected unsigned codes of shape"),
        ("0/grid/0", np.zeros((1, 2, 2), "<i1"), "i1", "expected unsigned codes of shape"),
        ("0/grid/0", np.zeros((2, 2), "<u1"), "u1", "expected unsigned codes of shape"),
        ("0/baseline", np.zeros(191, "<u2"), "u2", "expected 3 H W values of u2"),
        ("0/baseline", np.zeros(192, "<i2"), "i2", "expected 3 H W values of u2"),
        ("0/mask", np.full(8, 2, "<u1"), "u1", "expected one bit for each of 64 texels, found 7 bytes"),
        ("0/mask", np.full(8, 4, "<u1"), "u1", "expected a mask of kind 0, 1, 2 or 3, found another"),
        ("0/mask", np.zeros(0, "<u1"), "u1", "expected a mask of kind 0, 1, 2 or 3, found another"),
        ("0/mask", np.array([0, 1, 63], "<u1"), "u1", "a corner lies beyond the last texel"),
    ],
)
def test_sections_of_a_wrong_kind(
    micro_archive: Path, tmp_path: Path, name: str, array: np.ndarray, code: str, words: str
) -> None:
    metadata, stored = take_apart(micro_archive.read_bytes())
    set_section(metadata, stored, name, array, code)
    refused(tmp_path / "bad.tod", put_together(metadata, stored), InvalidSectionError, f"section {name}: {words}")


def test_mask_with_another_count(micro_archive: Path, tmp_path: Path) -> None:
    metadata, stored = take_apart(micro_archive.read_bytes())
    set_section(metadata, stored, "0/mask", np.array([2, *[255] * 8], np.uint8), "u1")
    words = f"expected {metadata['lightmaps'][0]['valid_texels']} valid texels, found 64"
    refused(tmp_path / "bad.tod", put_together(metadata, stored), InvalidMetadataError, words)


def test_empty_array_with_huge_sides(micro_archive: Path, tmp_path: Path) -> None:
    metadata, stored = take_apart(micro_archive.read_bytes())
    set_section(metadata, stored, "0/mask", np.zeros(0, np.uint8), "u1")
    metadata["sections"][0]["shape"] = [0, 1 << 52, 1 << 52]
    refused(tmp_path / "bad.tod", put_together(metadata, stored), LimitExceededError, r"0/mask.*over the limit")


def test_crc_is_of_the_stored_bytes(micro_archive: Path) -> None:
    metadata, stored = take_apart(micro_archive.read_bytes())
    assert [s["crc32"] for s in metadata["sections"]] == [zlib.crc32(blob) for blob in stored]
    with open_archive(micro_archive, provider="cpu") as archive:
        assert list(archive.container.sections) == [s["name"] for s in metadata["sections"]]
        archive.container.verify()


@pytest.mark.parametrize(("log", "is_taken"), [(10, True), (20, True), (21, False), (31, False)])
def test_windows_are_capped_by_the_content(log: int, is_taken: bool) -> None:
    """Of a frame that has more than one segment by its header."""
    content = bytes(range(256)) * 4
    block = (len(content) << 3 | 1).to_bytes(3, "little") + content  # raw, and the last
    frame = b"\x28\xb5\x2f\xfd" + bytes([0x40, log - 10 << 3]) + (len(content) - 256).to_bytes(2, "little") + block
    if is_taken:
        assert unzstd(frame, len(content)) == content
    else:
        with pytest.raises(EntropyError, match=f"expected a window of at most 1048576 bytes, found {1 << log}"):
            unzstd(frame, len(content))


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("20 00 01 00 00", ""), ("24 00 01 00 00 99 e9 d8 51", ""), ("20 00 00 00 00 01 00 00", ""),
        ("20 00 47 41 52 42 41 47 45", "not a valid zstd frame"), ("20 00", "not a valid zstd frame"),
        ("24 00 01 00 00 99 e9 d8 50", "not a valid zstd frame"),
        ("20 00 02 00 10 41 01 00 00", "not a valid zstd frame"),  # a run of bytes where the header says none
        ("20 00 01 00 00 00", "expected one zstd frame, found 1 bytes behind it"),
        ("21 05 00 01 00 00", "expected a zstd frame without a dictionary"),
    ],
)  # fmt: skip
def test_frames_of_nothing_are_looked_at_to_their_end(rest: str, words: str) -> None:
    frame = b"\x28\xb5\x2f\xfd" + bytes.fromhex(rest)
    if words:
        with pytest.raises(EntropyError, match=words):
            unzstd(frame, 0)
    else:
        assert unzstd(frame, 0) == b""
