"""Days that new users brought, as folders of the shared material: each is read as its README says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SHARED
from todpack.frames import DataError, Day, open_dataset, read_day
from todpack.packer.daybasis.fireflies import CalmDay, without_fireflies

CASES = SHARED / "cases" / "first_use"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="needs the shared cases of first use")


def case(name: str, **options: object) -> Day:
    return read_day(CASES / name, **options)  # type: ignore[arg-type]


def test_alpha_mask() -> None:
    day = case("alpha_mask/day")
    assert 0 < day.valid.sum() < day.valid.size
    assert not any("alpha" in line for line in day.warnings)


def test_apng_first_frame() -> None:
    with pytest.raises(DataError, match=r"tod_00\.png: expected one picture, found 23 in the file"):
        case("apng_first_frame/day")


def test_appledouble() -> None:
    assert case("appledouble/day").n_frames == 24


def test_config_bom() -> None:
    assert case("config_bom/ds").n_frames == 26


def test_exif_ignored() -> None:
    assert any("turned as their orientation tag says" in line for line in case("exif_ignored/day").warnings)


def test_frame_order() -> None:
    np.testing.assert_allclose(case("frame_order/day").hours, [5, 5.9, 6])


def test_hdr_all_zero() -> None:
    day = case("hdr_all_zero_warning/ds")
    assert not day.radiance.any()
    assert day.warnings == ()


def test_hdr_tiny_negative() -> None:
    day = case("hdr_tiny_negative/ds")
    assert (day.radiance >= 0).all()
    assert any("tiny negative values" in line for line in day.warnings)


def test_keys_are_hours() -> None:
    day = case("keys_are_hours/ds")
    np.testing.assert_array_equal(day.hours, np.arange(24))
    assert any("the keys 0 to 23 are taken as hours" in line for line in day.warnings)


def test_level_warnings() -> None:
    assert len(case("level_warnings_dropped/ds").warnings) > 0


@pytest.mark.parametrize("folder", ["ds", "SimpleData_official"])
def test_lfs_pointers(folder: str) -> None:
    with pytest.raises(DataError, match="found a Git LFS pointer; fetch the files by git lfs pull"):
        open_dataset(CASES / "lfs_pointer_bins" / folder)


def test_mask_counted_as_frame() -> None:
    folder = Path("mask_counted_as_frame") / "day"
    day = case(str(folder), mask=CASES / folder / "mask.png")
    assert (day.n_frames, day.warnings) == (24, ())
    np.testing.assert_array_equal(case(str(folder)).valid, day.valid)


def test_phase1_layout() -> None:
    dataset = open_dataset(CASES / "phase1_layout" / "SimpleData")
    names = [entry.name for entry in dataset.entries]
    assert names == ["VirtualTexture0_1", "VirtualTexture0_17"]
    for entry, side in zip(dataset.entries, (8, 16), strict=True):
        day = dataset.read(entry)
        assert day.radiance.shape == (24, side, side, 3)
        np.testing.assert_array_equal(day.hours, np.arange(24))
        assert day.warnings == ()
        last = sorted((dataset.path / "Original").glob(f"*_{entry.name.rpartition('_')[2]}_HQ_*_24.00.bin_*"))
        stored = np.concatenate([np.fromfile(path, "<f4") for path in last])
        np.testing.assert_array_equal(day.radiance[0].ravel(), stored)  # 24.00 is midnight


def test_start_at_one() -> None:
    assert any("--first-hour 1" in line for line in case("start_at_one/day").warnings)
    day = case("start_at_one/day", first_hour=1)
    first = read_day(CASES / "start_at_one" / "day")
    np.testing.assert_array_equal(day.radiance[1], first.radiance[0])


def test_times_in_names() -> None:
    day = case("times_in_names/day")
    np.testing.assert_array_equal(day.hours, [0, 3, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19, 21])


def test_firefly() -> None:
    assert without_fireflies(clean := case("firefly/clean")) is clean
    for name, value in (("hot", 1e3), ("hot5", 1e5)):
        calm = without_fireflies(case(f"firefly/{name}"))
        assert isinstance(calm, CalmDay)
        assert calm.fireflies.places.tolist() == [[12, 10, 10], [12, 10, 11], [12, 11, 10], [12, 11, 11]]
        assert (calm.fireflies.values == value).all()
