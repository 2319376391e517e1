"""A damaged archive gives a typed error, never another exception, never a different frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.decompressor.forge import HEADER_BYTES, MAGIC, decode_all
from todpack.decompressor import (
    DamagedArchiveError,
    NotAnArchiveError,
    TodpackError,
    TruncatedArchiveError,
    open_archive,
)


@pytest.mark.parametrize(
    ("pattern", "stride"),
    [
        (0xFF, 61),
        pytest.param(0xFF, 1, marks=pytest.mark.thorough),
        pytest.param(0x01, 1, marks=pytest.mark.thorough),
    ],
)
def test_flipped_bytes(micro_archive: Path, tmp_path: Path, pattern: int, stride: int) -> None:
    """Every byte, or a sample of them."""
    data = micro_archive.read_bytes()
    original = decode_all(micro_archive)
    path = tmp_path / "flipped.tod"
    accepted = []
    for at in range(0, len(data), stride):
        flipped = bytearray(data)
        flipped[at] ^= pattern
        path.write_bytes(flipped)
        try:
            decoded = decode_all(path)
        except TodpackError as error:
            assert "\n" not in str(error)
            continue
        accepted.append(at)
        for found, expected in zip(decoded, original, strict=True):
            np.testing.assert_array_equal(found, expected, f"byte {at}")
    assert accepted == []  # every byte is under a checksum


@pytest.mark.parametrize("stride", [61, pytest.param(1, marks=pytest.mark.thorough)])
def test_truncations(micro_archive: Path, tmp_path: Path, stride: int) -> None:
    data = micro_archive.read_bytes()
    path = tmp_path / "short.tod"
    for length in range(0, len(data), stride):
        path.write_bytes(data[:length])
        with pytest.raises((TruncatedArchiveError, NotAnArchiveError)) as caught:
            decode_all(path)
        # a file that still begins like an archive is called truncated
        assert caught.type is (TruncatedArchiveError if length else NotAnArchiveError)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("extra", [b"\0", b"x" * 100, MAGIC])
def test_appended_bytes(micro_archive: Path, tmp_path: Path, extra: bytes) -> None:
    data = micro_archive.read_bytes() + extra
    path = tmp_path / "long.tod"
    path.write_bytes(data)
    expected = f"expected {len(data) - len(extra)} bytes by its header, found {len(data)}"
    with pytest.raises(TruncatedArchiveError, match=expected):
        decode_all(path)


def test_section_checksum_is_named(micro_archive: Path, tmp_path: Path) -> None:
    data = bytearray(micro_archive.read_bytes())
    data[-1] ^= 1
    path = tmp_path / "bad.tod"
    path.write_bytes(data)
    with pytest.raises(DamagedArchiveError, match=r"section 0/frame\.onnx: checksum does not match"):
        decode_all(path)


def test_header_checksum(micro_archive: Path, tmp_path: Path) -> None:
    data = bytearray(micro_archive.read_bytes())
    data[HEADER_BYTES + 10] ^= 1
    path = tmp_path / "bad.tod"
    path.write_bytes(data)
    with pytest.raises(DamagedArchiveError, match="header: checksum does not match"):
        decode_all(path)


def test_file_that_shrinks_while_it_is_open(wide_archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "shrinks.tod"
    path.write_bytes(wide_archive.read_bytes())
    with open_archive(path, provider="cpu") as archive:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
        with pytest.raises(TruncatedArchiveError, match="the file became shorter"):
            archive.prepare()
