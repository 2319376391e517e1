"""Hostile headers and metadata: one kind of error per cause, with the words that tell it."""

from __future__ import annotations

import gzip
import io
import mmap
import os
import struct
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from tests.decompressor.forge import HEADER as EXPECTED_HEADER
from tests.decompressor.forge import HEADER_BYTES, MAGIC, decode_all, put_together, take_apart, with_header, with_text
from todpack.decompressor import (
    ArchiveError,
    InvalidMetadataError,
    InvalidSectionError,
    LimitExceededError,
    Limits,
    NotAnArchiveError,
    TruncatedArchiveError,
    UnsupportedVersionError,
    open_archive,
)
from todpack.decompressor.container import HEADER, without_digest
from todpack.decompressor.limits import DEFAULT_LIMITS

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def refused(tmp_path: Path, data: bytes, kind: type[ArchiveError], words: str, limits: Limits = DEFAULT_LIMITS) -> None:
    path = tmp_path / "hostile.tod"
    path.write_bytes(data)
    with pytest.raises(kind, match=words) as caught:
        open_archive(path, provider="cpu", limits=limits)
    assert caught.type is kind
    assert str(caught.value).startswith(str(path))


def test_header_layout() -> None:
    assert HEADER.format == EXPECTED_HEADER
    assert HEADER.size == HEADER_BYTES == 8 + 2 + 2 + 4 + 4 + 8 + 4


def test_forged_archive_is_like_the_packer_s(micro_archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "again.tod"
    path.write_bytes(put_together(*take_apart(micro_archive.read_bytes())))
    for found, expected in zip(decode_all(path), decode_all(micro_archive), strict=True):
        assert (found == expected).all()


@pytest.mark.parametrize("content", [b"", b"\0", b"PK\x03\x04" * 20, b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_wrong_magic(tmp_path: Path, content: bytes) -> None:
    found = "other content" if content else "an empty file"
    refused(tmp_path, content, NotAnArchiveError, f"expected a todpack archive, found {found}")


def test_header_cut_short(tmp_path: Path) -> None:
    refused(tmp_path, MAGIC + bytes(5), TruncatedArchiveError, "expected a header of 32 bytes, found 13")


@pytest.mark.parametrize("major", [0, 2, 65535])
def test_unknown_major(tmp_path: Path, major: int) -> None:
    data = with_header(b"whatever another version keeps here", 4, b"", major=major, minor=7)
    refused(tmp_path, data, UnsupportedVersionError, rf"expected format 1\.x, found {major}\.7")


def test_newer_minor_is_read(micro_archive: Path, tmp_path: Path) -> None:
    metadata, stored = take_apart(micro_archive.read_bytes())
    metadata["version"], metadata["added_in_1_9"] = "1.9", True
    data = bytearray(put_together(metadata, stored))
    packed_bytes, text_bytes = struct.unpack_from("<II", data, 12)
    packed, rest = bytes(data[32 : 32 + packed_bytes]), bytes(data[32 + packed_bytes :])
    path = tmp_path / "newer.tod"
    path.write_bytes(with_header(packed, text_bytes, rest, minor=9))
    assert len(decode_all(path)) == 3


@pytest.mark.parametrize(("field", "limit"), [(12, 16 << 20), (16, 16 << 20)], ids=["stored", "decoded"])
def test_metadata_over_the_limit_is_not_allocated(tmp_path: Path, field: int, limit: int) -> None:
    """The file is as large as it says (sparse), so that only the limit stands in the way."""
    size = 3 << 30
    data = bytearray(with_header(b"", 0, b""))
    struct.pack_into("<I", data, field, (1 << 31) + 5)
    struct.pack_into("<Q", data, 20, size)
    path = tmp_path / "huge.tod"
    path.write_bytes(data)
    with path.open("r+b") as file:
        file.truncate(size)
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceededError, match=f"metadata of 2147483653 bytes is over the limit of {limit}"):
            open_archive(path, provider="cpu")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("file_bytes", [0, 31, 1 << 63])
def test_file_bytes_lie(tmp_path: Path, file_bytes: int) -> None:
    data = bytearray(with_text(b"{}"))
    struct.pack_into("<Q", data, 20, file_bytes)
    refused(tmp_path, bytes(data), TruncatedArchiveError, f"expected {file_bytes} bytes by its header, found")


def test_metadata_longer_than_the_file(tmp_path: Path) -> None:
    data = bytearray(with_text(b"{}"))
    struct.pack_into("<I", data, 12, 5000)
    refused(tmp_path, bytes(data), TruncatedArchiveError, "bytes by its header")


@pytest.mark.parametrize(
    ("packed", "words"),
    [
        (b"not zstd at all", "not a valid zstd frame"),
        (b"", "not a valid zstd frame"),
        (zstandard.compress(b"{} "), "expected a zstd frame of 2 bytes"),
        (zstandard.ZstdCompressor(write_content_size=False).compress(b"{}"), "expected a zstd frame of 2 bytes"),
        (zstandard.compress(b"{}")[:-1], "not a valid zstd frame|expected 2 decoded bytes"),
        (zstandard.compress(b"{}") + b"tail", "not a valid zstd frame"),
    ],
    ids=["other bytes", "empty", "larger", "no size", "cut", "tail"],
)
def test_metadata_that_is_no_such_zstd_frame(tmp_path: Path, packed: bytes, words: str) -> None:
    refused(tmp_path, with_header(packed, 2, b""), InvalidSectionError, f"metadata.json: {words}")


def test_metadata_bomb(tmp_path: Path) -> None:
    """Its frame says 64 MiB, its header two bytes."""
    packed = zstandard.compress(b" " * (64 << 20))
    assert len(packed) < 8192
    tracemalloc.start()
    try:
        refused(tmp_path, with_header(packed, 2, b""), InvalidSectionError, "expected a zstd frame of 2 bytes")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"not json", "Expecting value"),
        (b"", "Expecting value"),
        (b'"\xff\xfe"', "'utf-8' codec can't decode"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"a": 1e999}', "1e999 is out of range"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a whole number of thousands of digits"),
        (b'{"a": 1, "a": 1}', "a key stands twice"),
        (b'{"a": [{"b": 1, "b": 2}]}', "a key stands twice"),
        (b"[" * 100_000, "nested deeper than 16 levels"),
        (b'{"a":' * 17 + b"1" + b"}" * 17, "nested deeper than 16 levels"),
        (b"[]", "expected an object, found list"),
        (b"3", "expected an object, found int"),
        (b"{} {}", "Extra data"),
    ],
)
def test_metadata_that_is_not_strict_json(tmp_path: Path, text: bytes, words: str) -> None:
    refused(tmp_path, with_text(text), InvalidMetadataError, f"metadata.json: .*{words}")


def test_largest_metadata_is_looked_at_in_seconds(tmp_path: Path) -> None:
    started = time.monotonic()
    text = b'{"a": "' + b"x" * ((16 << 20) - 10) + b'"}'
    limits = Limits(free_metadata_bytes=16 << 20, memory=1 << 30)
    refused(tmp_path, with_text(text), InvalidMetadataError, "expected the field 'sections'", limits)
    assert time.monotonic() - started < 20.0


def test_limits_of_the_caller(micro_archive: Path) -> None:
    for limits, words in (
        (Limits(metadata_bytes=100), "metadata of .* over the limit of 100"),
        (Limits(n_sections=3), "6 sections are over the limit of 3"),
        (Limits(section_bytes=50), "bytes are over the limit of 50"),
        (Limits(texels=63), "8 x 8 texels are over the limit of 63"),
    ):
        with pytest.raises(LimitExceededError, match=words):
            open_archive(micro_archive, provider="cpu", limits=limits)
    with (
        open_archive(micro_archive, provider="cpu", limits=Limits(latent_bytes=4 * 5 * 64 - 1)) as archive,
        pytest.raises(LimitExceededError, match="latent maps of 1280 bytes are over the limit of 1279"),
    ):
        archive.prepare()


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"nothing\.tod: cannot be opened: No such file"):
        open_archive(tmp_path / "nothing.tod")
    with pytest.raises(ArchiveError, match="cannot be opened: expected a file, found a folder"):
        open_archive(tmp_path)


@pytest.mark.skipif(not hasattr(os, "pread"), reason="a system without reads that leave the place")
@pytest.mark.parametrize("way", ["rb", "r+b", "unbuffered", "temporary"])
def test_files_are_read_without_moving_their_place(tmp_path: Path, way: str) -> None:
    """Which forked processes share."""
    data = (GOLDEN / "daybasis-ans-1.2.tod").read_bytes()
    (tmp_path / "a.tod").write_bytes(data)
    file: Any
    if way == "temporary":
        file = tempfile.NamedTemporaryFile(dir=tmp_path)  # noqa: SIM115 - the archive closes it
        file.write(data)
    elif way == "unbuffered":
        file = (tmp_path / "a.tod").open("rb", buffering=0)
    else:
        file = (tmp_path / "a.tod").open(way)
    with open_archive(file) as archive:
        file.seek(3)
        archive.decode(6.0)
        assert file.tell() == 3


def test_a_digest_is_left_out_where_it_stands_alone() -> None:
    """Elsewhere zeros are a change that it tells."""
    digest = "0123456789abcdef" * 4
    alone, twice = (f'{{"name":"{name}","sha256":"{digest}"}}'.encode() for name in ("0" * 64, digest))
    assert without_digest(alone, digest) == alone.replace(digest.encode(), b"0" * 64)
    assert without_digest(twice, digest) == twice


class Trickle(io.RawIOBase):
    """Seven bytes at most in a call, as the contract allows; or none at the moment."""

    def __init__(self, data: bytes, is_stuck: bool) -> None:
        self._inner, self._is_stuck = io.BytesIO(data), is_stuck

    def seek(self, offset: int, whence: int = 0) -> int:
        """As of bytes."""
        return self._inner.seek(offset, whence)

    def tell(self) -> int:
        """As of bytes."""
        return self._inner.tell()

    def read(self, size: int = -1) -> bytes | None:
        """Some."""
        return None if self._is_stuck else self._inner.read(min(size, 7))


class Gush(io.BytesIO):
    """More than is asked for, against the contract."""

    def read(self, size: int | None = -1) -> bytes:
        """Twice as many."""
        return super().read(2 * (size or 0))


class Least:
    """What is asked of a file, and nothing else; its bytes are of another type than bytes."""

    def __init__(self, data: bytes, end: Any = None) -> None:
        self._inner, self._end = io.BytesIO(data), end
        self.seek, self.close = self._inner.seek, self._inner.close

    def tell(self) -> Any:
        """As of bytes, if nothing else is given."""
        return self._inner.tell() if self._end is None else self._end

    def read(self, size: int = -1) -> bytearray:
        """All of them."""
        return bytearray(self._inner.read(size))


class Numbers(Least):
    """Its bytes are whole numbers."""

    def read(self, size: int = -1) -> Any:
        """One."""
        return self._inner.read(1)[0]


class Views(Least):
    """Its bytes are views of others, a few in a call."""

    def read(self, size: int = -1) -> Any:
        """Some."""
        return memoryview(self._inner.read(min(size, 16)))


def test_files_that_have_no_more_than_is_asked_for() -> None:
    path = GOLDEN / "daybasis-ans-1.2.tod"
    with open_archive(path) as archive, open_archive(Least(path.read_bytes())) as other:  # type: ignore[arg-type]
        np.testing.assert_array_equal(archive.decode(6.0), other.decode(6.0))
    with pytest.raises(ArchiveError, match="cannot be read: expected a number of bytes of tell, found str"):
        open_archive(Least(path.read_bytes(), "7"))  # type: ignore[arg-type]


def test_files_that_give_little_at_a_time() -> None:
    path = GOLDEN / "daybasis-ans-1.2.tod"
    with open_archive(path) as archive, open_archive(Trickle(path.read_bytes(), False)) as other:  # type: ignore[arg-type]
        np.testing.assert_array_equal(archive.decode(6.0), other.decode(6.0))
    with pytest.raises(ArchiveError, match="cannot be read: expected a file that waits for its bytes"):
        open_archive(Trickle(path.read_bytes(), True))  # type: ignore[arg-type]
    with pytest.raises(ArchiveError, match="cannot be read: expected at most 32 bytes of a read, found 64"):
        open_archive(Gush(path.read_bytes()))
    with pytest.raises(ArchiveError, match="cannot be read: expected a file of bytes, found one of text"):
        open_archive(io.StringIO("TOD"))  # type: ignore[arg-type]
    with pytest.raises(ArchiveError, match="cannot be read: expected a file of bytes, found one of int"):
        open_archive(Numbers(path.read_bytes()))  # type: ignore[arg-type]
    with open_archive(Views(path.read_bytes())) as archive:  # type: ignore[arg-type]
        assert archive.decode(6.0).shape == (37, 45, 3)
    for cut, name in ((gzip.compress(path.read_bytes())[:-3000], "EOFError"), (b"", "EOFError")):
        with (
            gzip.open(io.BytesIO(cut)) as file,
            pytest.raises(ArchiveError, match=f"cannot be read: {name}|found an empty file"),
        ):
            open_archive(file)  # type: ignore[arg-type]
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    with open_archive(mapped) as archive:  # type: ignore[arg-type]
        assert archive.decode(6.0).shape == (37, 45, 3)
