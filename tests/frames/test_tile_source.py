"""Folders of frames as arrays: their order, and what is refused in one line."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from todpack.frames import DataError, Day, FrameArrays, ReadOptions, TileSource, read_day


def write_frames(folder: Path, n: int) -> None:
    for t in range(n):
        np.save(folder / f"tod_{t}.npy", np.full((4, 6, 3), t, np.uint8))


def test_frames_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    write_frames(tmp_path, 12)
    codes, valid = FrameArrays(tmp_path).read(slice(0, 2), slice(1, 3))
    assert codes[:, 0, 0, 0].tolist() == list(range(12))
    assert valid.shape == (2, 2)
    assert valid.all()


def test_linear_frames_and_a_day_in_memory_read_alike(tmp_path: Path) -> None:
    radiance = np.random.default_rng(0).random((3, 4, 6, 3), np.float32) * 20
    for t, frame in enumerate(radiance):
        np.save(tmp_path / f"tod_{t}.npy", frame)
    arrays = FrameArrays(tmp_path)
    valid = np.ones((4, 6), bool)
    sources: list[TileSource] = [arrays, Day(radiance, valid, arrays.hours, "linear", "day")]
    for source in sources:
        assert (source.height, source.width, source.transfer) == (4, 6, "linear")
        values, inside = source.read(slice(1, 3), slice(2, 6))
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, radiance[:, 1:3, 2:6])
        np.testing.assert_array_equal(inside, valid[1:3, 2:6])


def test_frames_of_two_kinds_are_refused(tmp_path: Path) -> None:
    write_frames(tmp_path, 3)
    np.save(tmp_path / "tod_2.npy", np.zeros((4, 6, 3), np.float32))
    with pytest.raises(DataError, match=r"tod_2\.npy: expected values of uint8 as in tod_0\.npy, found float32"):
        FrameArrays(tmp_path)


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
        (b"", "cannot be read as a .npy array"),
        (b"PK\x03\x04", "cannot be read as a .npy array"),
        (_zip(), "cannot be read as a .npy array"),
        (b"\x93NUMPY\x01\x00", "cannot be read as a .npy array"),
        (_floats(), "expected values of uint8 as in tod_0.npy, found float64"),
    ],
)
def test_what_is_no_array_of_codes_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    write_frames(tmp_path, 3)
    (tmp_path / "tod_1.npy").write_bytes(content)
    with pytest.raises(DataError, match=words):
        FrameArrays(tmp_path)


def test_arrays_follow_the_rules_of_other_frames(tmp_path: Path) -> None:
    """Times in names, alpha as mask, and an encoding: the same day on disk and in memory."""
    rng = np.random.default_rng(1)
    alpha = np.where(rng.random((4, 6)) < 0.5, 255, 0).astype(np.uint8)
    frames = rng.integers(1, 256, (3, 4, 6, 3)).astype(np.uint8)
    for hour, codes in zip((6.0, 5.9, 18.25), frames, strict=True):
        np.save(tmp_path / f"lm_{hour:05.2f}.npy", np.dstack([codes, alpha]))
    arrays, day = FrameArrays(tmp_path), read_day(tmp_path)
    assert arrays.hours.tolist() == day.hours.tolist() == [5.9, 6, 18.25]
    for source in (arrays, day):
        values, valid = source.read(slice(1, 4), slice(0, 5))
        np.testing.assert_array_equal(values, frames[[1, 0, 2], 1:4, 0:5])
        np.testing.assert_array_equal(valid, alpha[1:4, 0:5] == 255)
    packed = FrameArrays(tmp_path, ReadOptions(encoding="rgbm:2"))
    assert packed.transfer == "linear"
    lit = frames[[1, 0, 2]] * (alpha == 255)[..., None]
    np.testing.assert_allclose(packed.read(slice(None), slice(None))[0], lit / 255 * 2, rtol=1e-6)
    np.testing.assert_array_equal(packed.valid, alpha == 255)  # the others are black


def test_a_gray_float_day_with_alpha(tmp_path: Path) -> None:
    light = np.random.default_rng(2).random((2, 4, 6)).astype(np.float16)
    alpha = (np.arange(24).reshape(4, 6) % 2).astype(np.float16)
    for t in range(2):
        np.save(tmp_path / f"{t}.npy", np.dstack([light[t], alpha]))
    arrays = FrameArrays(tmp_path)
    np.testing.assert_array_equal(arrays.valid, alpha == 1)
    np.testing.assert_array_equal(arrays.frame(1), light[1].astype(np.float32)[..., None].repeat(3, axis=2))


def test_shapes_that_are_no_frames(tmp_path: Path) -> None:
    for t in range(2):
        np.save(tmp_path / f"{t}.npy", np.zeros(5, np.uint8))
    with pytest.raises(DataError, match=r"0\.npy: expected an array of shape \(H, W, 3\), found \(5,\)"):
        FrameArrays(tmp_path)
    for t in range(2):
        np.save(tmp_path / f"{t}.npy", np.zeros((4, 6, 5), np.uint8))
    with pytest.raises(DataError, match=r"0\.npy: expected an array of shape \(H, W, 3\), found \(4, 6, 5\)"):
        FrameArrays(tmp_path)


def test_arrays_have_no_layers(tmp_path: Path) -> None:
    for t in range(2):
        np.save(tmp_path / f"tod_{t}.npy", np.ones((4, 4, 3), np.float32))
    with pytest.raises(DataError, match=r"tod_0\.npy: expected an EXR file for --layer, found one of NPY"):
        FrameArrays(tmp_path, ReadOptions(layer="foo"))
