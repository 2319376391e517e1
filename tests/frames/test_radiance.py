"""What radiance may be: in folders of HDR frames, in arrays in memory and on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from todpack.frames import DataError, Day, day_of_array, read_day
from todpack.frames.radiance import RadianceCheck
from todpack.frames.tile_source import FrameArrays

RADIANCE = np.random.default_rng(0).random((3, 5, 4, 3), np.float32) + np.float32(0.5)


def from_folder(radiance: np.ndarray, folder: Path) -> Day:
    folder.mkdir()
    for t, frame in enumerate(radiance):
        np.save(folder / f"tod_{t}.npy", frame)
    return read_day(folder)


def from_array(radiance: np.ndarray, folder: Path) -> Day:
    return day_of_array(radiance)


Reader = Callable[[np.ndarray, Path], Day]
both = pytest.mark.parametrize("read", [from_folder, from_array])


@both
def test_values_are_kept(read: Reader, tmp_path: Path) -> None:
    day = read(RADIANCE, tmp_path / "day")
    assert (day.transfer, day.radiance.dtype) == ("linear", np.float32)
    np.testing.assert_array_equal(day.radiance, RADIANCE)
    np.testing.assert_array_equal(day.hours, [0, 8, 16])


@both
def test_tiny_negatives_become_0_and_are_counted(read: Reader, tmp_path: Path) -> None:
    radiance = RADIANCE.copy()
    radiance[1, 2, 3, 0], radiance[2, 0, 0] = -1e-4, -5e-5
    day = read(radiance, tmp_path / "day")
    np.testing.assert_array_equal(day.radiance, np.maximum(radiance, 0))
    assert radiance[1, 2, 3, 0] < 0  # the caller's array is not changed
    assert "4 tiny negative values, down to -0.0001, are read as 0" in day.warnings[-1]


@both
@pytest.mark.parametrize(("value", "found"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf"), (-0.25, "-0.25")])
def test_what_is_no_radiance_is_named_with_its_place(read: Reader, tmp_path: Path, value: float, found: str) -> None:
    radiance = RADIANCE.copy()
    radiance[1, 2, 3, 0], radiance[1, 4, 0, 1] = -1e-4, value
    where = r"tod_1\.npy" if read is from_folder else "frames: 8 h"
    with pytest.raises(
        DataError, match=rf"{where}: expected finite radiance >= 0 at valid texels, found {found} at row 4, column 0"
    ):
        read(radiance, tmp_path / "day")


def test_a_day_without_light(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="every texel is exactly black in every frame"):
        from_folder(RADIANCE * 0, tmp_path / "day")
    assert day_of_array(RADIANCE * 0).warnings == ()  # of an array every texel is valid


def test_frames_of_zeros_within_a_mask(tmp_path: Path) -> None:
    (tmp_path / "day").mkdir()
    np.save(tmp_path / "day" / "valid.npy", np.ones((5, 4), bool))
    for t in range(24):
        np.save(tmp_path / "day" / f"tod_{t}.npy", np.zeros((5, 4, 3), np.float32))
    day = read_day(tmp_path / "day")
    assert day.valid.all()
    assert not day.radiance.any()
    assert day.warnings == ()


def test_invalid_texels_may_hold_anything(tmp_path: Path) -> None:
    radiance, valid = RADIANCE.copy(), np.ones((5, 4), bool)
    valid[1, 1] = False
    radiance[:, 1, 1] = np.nan, np.inf, -3
    day = day_of_array(radiance, valid=valid)
    assert not day.radiance[:, 1, 1].any()
    assert "9 NaN, infinite or negative values at invalid texels are read as 0" in day.warnings[0]


def test_arrays_are_looked_through_in_bands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same day, whatever the height of a band; a place is that of the frame."""
    radiance = RADIANCE.copy()
    radiance[:, 3] = 0
    radiance[0, 4, 1, 2] = -1e-5
    whole = from_folder(radiance, tmp_path / "day")
    monkeypatch.setattr("todpack.frames.tile_source.BAND_BYTES", 1)
    narrow = FrameArrays(tmp_path / "day")
    np.testing.assert_array_equal(narrow.valid, whole.valid)
    assert narrow.warnings == whole.warnings
    values, valid = narrow.read(slice(3, 5), slice(0, 2))
    np.testing.assert_array_equal(values, np.maximum(radiance[:, 3:5, 0:2], 0))
    assert valid.tolist() == [[False, False], [True, True]]
    radiance[2, 4, 2, 0] = np.nan
    np.save(tmp_path / "day" / "tod_2.npy", radiance[2])
    with pytest.raises(DataError, match=r"tod_2\.npy: .*found nan at row 4, column 2"):
        FrameArrays(tmp_path / "day")


@pytest.mark.parametrize(
    ("n_frames", "hours", "message"),
    [
        (2, [12, 23.99999999], r"expected 2 ascending hours in \[0, 24\), as float32, found 12, 24$"),
        (2, [12, 6], "found 12, 6$"),
        (1, [12], r"expected an array of shape \(T, H, W, 3\) with T in 2..4096, found \(1, 1, 1, 3\)"),
        (4097, None, r"with T in 2..4096, found \(4097, 1, 1, 3\)"),
    ],
)
def test_times_of_an_array_that_no_archive_has(n_frames: int, hours: list[float] | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        day_of_array(np.ones((n_frames, 1, 1, 3), np.uint8), hours=hours)


def test_codes_of_an_array_are_a_day_of_8_bits() -> None:
    codes = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    day = day_of_array(codes, hours=[6, 18])
    assert (day.transfer, day.hours.tolist()) == ("srgb8", [6, 18])
    np.testing.assert_array_equal(day.radiance, codes)


def test_radiance_near_the_end_of_the_numbers_is_refused() -> None:
    """Its squares would be infinite."""
    values = np.full((2, 2, 3), 3e38, np.float32)
    with pytest.raises(DataError, match=r"x: expected radiance up to 1e\+30 at .* found 3.* at row 0, column 0"):
        RadianceCheck().clean(values, np.ones((2, 2), bool), "x")
