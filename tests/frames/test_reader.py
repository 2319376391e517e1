"""Folders of frames: order, hours, masks, and one clear line for each thing that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.frames.foreign_files import ffmpeg_frame
from todpack.frames import DataError, Day, FrameArrays, ReadOptions, open_day, read_day
from todpack.frames.encodings import srgb_to_linear


def write_mask(path: Path, valid: np.ndarray) -> np.ndarray:
    Image.fromarray(np.where(valid, 255, 0).astype(np.uint8)).save(path)
    return valid


def some_mask(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((6, 4)) < 0.5


def test_24_frames(make_frames: Any) -> None:
    day = read_day(make_frames(24))
    assert day.radiance.shape == (24, 6, 4, 3)
    assert day.radiance.dtype == np.float32
    assert (day.n_frames, day.height, day.width) == (24, 6, 4)
    np.testing.assert_array_equal(day.hours, np.arange(24.0))
    assert day.transfer == "srgb8"
    assert day.name == "day"
    assert day.warnings == ()
    for t in (0, 23):
        expected = np.random.default_rng(t).integers(1, 256, (6, 4, 3))
        np.testing.assert_array_equal(day.radiance[t], expected)


@pytest.mark.parametrize("n", [2, 23, 25, 48])
def test_other_counts_warn_and_work(make_frames: Any, n: int) -> None:
    day = read_day(make_frames(n))
    np.testing.assert_allclose(day.hours, [24 * i / n for i in range(n)])
    (warning,) = day.warnings
    assert f"expected 24 frames, found {n}" in warning


def test_natural_order(make_frames: Any) -> None:
    """frame2 before frame10, and numbers without zeros in front."""
    day = read_day(make_frames(24, pattern="frame{}.png"))
    for t in (2, 10, 19):
        np.testing.assert_array_equal(day.radiance[t], np.random.default_rng(t).integers(1, 256, (6, 4, 3)))


def test_digits_that_are_no_numbers_are_letters(make_frames: Any) -> None:
    assert read_day(make_frames(3, pattern="1\N{SUPERSCRIPT TWO}{}.png")).n_frames == 3


def test_suffixes_in_any_case_are_one_kind(tmp_path: Path) -> None:
    names = ("a.jpg", "b.JPEG", "c.Jpg")
    for name in names:
        Image.fromarray(np.full((6, 4, 3), 80, np.uint8)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a frame")
    day = read_day(tmp_path)
    assert day.n_frames == 3
    assert day.source_bytes == sum((tmp_path / n).stat().st_size for n in names)


def test_png_subfolder(make_frames: Any) -> None:
    folder = make_frames(24, folder="scene/png").parent
    valid = write_mask(folder / "valid.png", some_mask())
    day = read_day(folder)
    assert day.n_frames == 24
    assert day.name == "scene"
    np.testing.assert_array_equal(day.valid, valid)
    assert read_day(folder / "png").name == "scene"


def test_mask_in_the_folder_is_no_frame(make_frames: Any) -> None:
    folder = make_frames(24)
    valid = write_mask(folder / "valid.png", some_mask())
    day = read_day(folder)
    assert day.n_frames == 24
    np.testing.assert_array_equal(day.valid, valid)


def test_mask_beside_the_folder(make_frames: Any) -> None:
    folder = make_frames(24)
    valid = write_mask(folder.parent / "valid.png", some_mask(1))
    np.testing.assert_array_equal(read_day(folder).valid, valid)
    nearer = write_mask(folder / "valid.png", some_mask(2))  # in the folder goes before beside it
    np.testing.assert_array_equal(read_day(folder).valid, nearer)


def test_explicit_mask_wins(make_frames: Any, tmp_path: Path) -> None:
    folder = make_frames(24)
    write_mask(folder / "valid.png", some_mask(1))
    valid = write_mask(tmp_path / "mine.png", some_mask(2))
    np.testing.assert_array_equal(read_day(folder, tmp_path / "mine.png").valid, valid)


def test_mask_faults(make_frames: Any, tmp_path: Path) -> None:
    folder = make_frames(2)
    with pytest.raises(DataError, match=r"gone\.png: expected a mask image, found nothing there"):
        read_day(folder, tmp_path / "gone.png")
    write_mask(tmp_path / "wide.png", np.ones((6, 5), bool))
    with pytest.raises(DataError, match=r"wide\.png: .*expected 4 x 6, found 5 x 6"):
        read_day(folder, tmp_path / "wide.png")
    write_mask(tmp_path / "empty.png", np.zeros((6, 4), bool))
    with pytest.raises(DataError, match=r"empty\.png: expected at least one valid texel"):
        read_day(folder, tmp_path / "empty.png")


def test_without_a_mask_valid_is_not_black(tmp_path: Path) -> None:
    """A texel that is black at one hour but not at another is valid; one that has only blue of 1 is too."""
    frames = np.zeros((2, 2, 2, 3), np.uint8)
    frames[1, 0, 1] = (0, 0, 1)
    frames[0, 1, 0] = (200, 0, 0)
    (tmp_path / "day").mkdir()
    for t, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / "day" / f"{t}.png")
    np.testing.assert_array_equal(read_day(tmp_path / "day").valid, [[False, True], [True, False]])


def test_all_black_without_a_mask(tmp_path: Path) -> None:
    (tmp_path / "day").mkdir()
    for t in range(2):
        Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "day" / f"{t}.png")
    with pytest.raises(DataError, match="every texel is exactly black in every frame; give the valid texels by --mask"):
        read_day(tmp_path / "day")


def test_unequal_sizes(make_frames: Any) -> None:
    folder = make_frames(4)
    Image.fromarray(np.zeros((6, 5, 3), np.uint8)).save(folder / "tod_02.png")
    with pytest.raises(
        DataError, match=r"tod_02\.png: all frames must have one size: expected 4 x 6 \(as tod_00\.png\), found 5 x 6"
    ):
        read_day(folder)


def test_unreadable_frame_is_named(make_frames: Any) -> None:
    folder = make_frames(4)
    (folder / "tod_03.png").write_bytes(b"not a png")
    with pytest.raises(DataError, match=r"tod_03\.png: expected a PNG image"):
        read_day(folder)


def test_missing_file_empty_and_single(make_frames: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone: expected a folder of frames, found nothing there"):
        read_day(tmp_path / "gone")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match=r"file: expected a folder of frames, found a file"):
        read_day(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: expected a folder of frames, found none in it"):
        read_day(tmp_path / "empty")
    folder = make_frames(1)
    write_mask(folder / "valid.png", some_mask())
    with pytest.raises(DataError, match=r"expected a day of at least 2 frames \(usually 24\), found 1: tod_00\.png"):
        read_day(folder)


def test_progress_is_told(make_frames: Any) -> None:
    calls: list[tuple[int, int]] = []
    read_day(make_frames(3), on_frame=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(("time_h", "index"), [(0.0, 0), (11.6, 12), (23.6, 0), (23.4, 23), (12.0, 12), (36.0, 12)])
def test_nearest_frame_on_the_circle(make_frames: Any, time_h: float, index: int) -> None:
    assert read_day(make_frames(24)).frame_at(time_h) == index


def test_a_day_that_is_switched_meanwhile_is_told(make_frames: Any, tmp_path: Path) -> None:
    """A link to a whole folder that names another one in one step."""
    one, other = make_frames(3, folder="one"), make_frames(3, folder="other")
    (tmp_path / "link").symlink_to(one)

    def switch(done: int, _total: int) -> None:
        if done == 1:
            (tmp_path / "new").symlink_to(other)
            (tmp_path / "new").replace(tmp_path / "link")

    with pytest.raises(DataError, match="the file was changed while the frames were read; run the command again"):
        read_day(tmp_path / "link", on_frame=switch)
    assert read_day(tmp_path / "link").n_frames == 3


def test_exr_goes_before_its_previews(make_frames: Any) -> None:
    """A folder of the same day in two kinds, and of a few stray pictures."""
    pytest.importorskip("OpenEXR")
    pytest.importorskip("av")
    folder = make_frames(24)
    for t in range(24):
        ffmpeg_frame(folder / f"tod_{t:02d}.exr", "exr", np.full((6, 4, 3), t + 0.5, np.float32))
    day = read_day(folder)
    assert (day.n_frames, day.transfer) == (24, "linear")
    np.testing.assert_array_equal(day.radiance[:, 0, 0, 0], np.arange(24) + 0.5)
    assert day.warnings == (f"{folder}: the 24 EXR files are the day; 24 PNG are left out",)
    for t in range(2, 24):
        (folder / f"tod_{t:02d}.exr").unlink()
    day = read_day(folder)
    assert (day.n_frames, day.transfer) == (24, "srgb8")
    assert day.warnings == (f"{folder}: the 24 PNG files are the day; 2 EXR are left out",)


def test_what_begins_with_a_dot_is_no_frame(make_frames: Any) -> None:
    folder = make_frames(24)
    (folder / "._tod_00.png").write_bytes(b"\x00\x05\x16\x07")
    (folder / ".valid.png").write_bytes(b"\x00\x05\x16\x07")
    day = read_day(folder)
    assert (day.n_frames, day.warnings) == (24, ())


def test_orientation_is_said(make_frames: Any) -> None:
    folder = make_frames(24)
    with Image.open(folder / "tod_03.png") as image:
        exif = image.getexif()
        exif[0x0112] = 3
        image.save(folder / "tod_03.png", exif=exif)
    day = read_day(folder)
    assert day.warnings == (f"{folder}: 1 frames are turned as their orientation tag says",)
    expected = np.random.default_rng(3).integers(1, 256, (6, 4, 3))
    np.testing.assert_array_equal(day.radiance[3], expected[::-1, ::-1])


def test_16_bits_become_radiance(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    pytest.importorskip("av")
    for t in range(24):
        ffmpeg_frame(tmp_path / f"{t}.png", "png", np.full((6, 4, 3), 257 * (t + 1), np.uint16))
    day, linear = read_day(tmp_path), read_day(tmp_path, encoding="linear")
    assert day.transfer == linear.transfer == "linear"
    np.testing.assert_allclose(day.radiance[:, 0, 0, 0], srgb_to_linear(np.arange(1, 25) / 255), rtol=1e-6)
    np.testing.assert_allclose(linear.radiance[:, 0, 0, 0], np.arange(1, 25) / 255, rtol=1e-6)


def test_arrays_stay_on_disk_where_they_may(tmp_path: Path, make_frames: Any) -> None:
    for t in range(2):
        np.save(tmp_path / f"{t}.npy", np.full((6, 4, 3), t + 1, np.uint8))
    options = ReadOptions(first_hour=6.0)
    source = open_day(tmp_path, options)
    assert isinstance(source, FrameArrays)
    day = read_day(tmp_path, first_hour=6)
    np.testing.assert_array_equal(source.read(slice(None), slice(None))[0], day.radiance)
    assert source.hours.tolist() == day.hours.tolist() == [6, 18]
    assert source.warnings == day.warnings
    assert isinstance(open_day(make_frames(24)), Day)
