"""Folders of frames as arrays: their order, and what is refused in one line."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from todpack.frames.errors import DataError
from todpack.frames.tile_source import FrameArrays


def write_frames(folder: Path, n: int) -> None:
    for t in range(n):
        np.save(folder / f"tod_{t}.npy", np.full((4, 6, 3), t, np.uint8))


def test_frames_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    write_frames(tmp_path, 12)
    codes, valid = FrameArrays(tmp_path).read(slice(0, 2), slice(1, 3))
    assert codes[:, 0, 0, 0].tolist() == list(range(12))
    assert valid.shape == (2, 2)
    assert valid.all()


def _zip() -> bytes:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        archive.writestr("a.npy", b"")
    return stored.getvalue()


def _floats() -> bytes:
    stored = io.BytesIO()
    np.save(stored, np.zeros((4, 6, 3)))
    return stored.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be mapped"),
        (b"PK\x03\x04", "cannot be mapped"),
        (_zip(), "cannot be mapped"),
        (b"\x93NUMPY\x01\x00", "cannot be mapped"),
        (_floats(), "expected values of uint8, found float64"),
    ],
)
def test_what_is_no_array_of_codes_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    write_frames(tmp_path, 3)
    (tmp_path / "tod_1.npy").write_bytes(content)
    with pytest.raises(DataError, match=words):
        FrameArrays(tmp_path)
