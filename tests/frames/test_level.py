"""A level as a folder of folders, and what every dataset offers."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todpack.frames import DataError, ReadOptions, find_lightmap, is_dataset, open_dataset, read_day

CODES = np.random.default_rng(0).integers(1, 256, (24, 6, 4, 3)).astype(np.uint8)


@pytest.fixture
def level(tmp_path: Path) -> Path:
    """Two lightmaps of 8 bits, the second with a mask and in png/, and one of HDR."""
    path = tmp_path / "level"
    for name in ("hall", "yard/png", "roof"):
        (path / name).mkdir(parents=True)
        for t, codes in enumerate(CODES):
            if name == "roof":
                np.save(path / name / f"tod_{t:02d}.npy", codes[:3].astype(np.float32))
            else:
                Image.fromarray(codes).save(path / name / f"tod_{t:02d}.png")
    Image.fromarray(np.full((6, 4), 255, np.uint8)).save(path / "yard" / "valid.png")
    (path / "notes").mkdir()
    (path / ".hidden").mkdir()
    Image.fromarray(CODES[0]).save(path / ".hidden" / "tod_00.png")
    (path / "masks").mkdir()
    Image.fromarray(CODES[0]).save(path / "masks" / "hall.png")
    return path


def test_lightmaps_are_listed_and_read(level: Path) -> None:
    assert is_dataset(level)
    dataset = open_dataset(level)
    found = [(entry.name, entry.width, entry.height, entry.transfer, len(entry.hours)) for entry in dataset.entries]
    assert found == [("hall", 4, 6, "srgb8", 24), ("roof", 4, 3, "linear", 24), ("yard", 4, 6, "srgb8", 24)]
    for entry in dataset.entries:
        day = dataset.read(entry)
        assert (day.name, day.transfer, tuple(day.hours)) == (entry.name, entry.transfer, entry.hours)
        np.testing.assert_array_equal(day.radiance, CODES[:, : entry.height])
        assert json.dumps(asdict(entry))  # type: ignore[call-overload]  # plain values, for a job's digest
    assert len(dataset.files(find_lightmap(dataset, "yard"))) == 25
    assert len(dataset.files(find_lightmap(dataset, "hall"))) == 24


def test_lightmaps_may_be_of_masks(level: Path) -> None:
    """What is called a folder of masks is one: mask, valid, lightmap_masks."""
    names = ["Coverage_Area", "Gas_Mask", "ValidZone"]
    for name in [*names, "lightmap_masks", "valid_masks", "Valid"]:
        shutil.copytree(level / "hall", level / name)
    found = [entry.name for entry in open_dataset(level).entries]
    assert [name for name in found if name in names] == names
    assert not {"lightmap_masks", "valid_masks", "Valid", "masks"} & set(found)


def test_names_may_begin_with_an_underscore(level: Path) -> None:
    (level / "hall").rename(level / "__")  # as `todpack decompress` calls one of other scripts
    assert [entry.name for entry in open_dataset(level).entries] == ["__", "roof", "yard"]


def test_what_lies_deeper_is_not_passed_over_in_silence(level: Path) -> None:
    for name in ("deep/frames", "deeper/a/png", "masks/hall"):
        (level / name).mkdir(parents=True)
        for t, codes in enumerate(CODES):
            Image.fromarray(codes).save(level / name / f"tod_{t:02d}.png")
    line = f"{level}: folders whose frames lie deeper are left out: deep, deeper"
    dataset = open_dataset(level)
    assert [line in dataset.read(entry).warnings for entry in dataset.entries] == [True, False, False]


@pytest.mark.parametrize("name", ["{:02d}", "{}h", "hour_{:02d}", "TOD{:02d}_30", "{:02d}00", "{}am"])
def test_folders_of_hours_are_told(tmp_path: Path, name: str) -> None:
    names = [name.format(hour) for hour in (6, 7, 8)]
    for one in names:
        (tmp_path / one).mkdir()
        for t, codes in enumerate(CODES):
            Image.fromarray(codes).save(tmp_path / one / f"Lightmap-{t}.png")
    line = f"{tmp_path}: the folders {', '.join(names)} are read as lightmaps, and the files in each as its hours"
    assert line in read_day(tmp_path, lightmap=names[0]).warnings
    for one in names:
        (tmp_path / one).rename(tmp_path / f"room_{one}")
    assert not any("lightmaps" in line for line in read_day(tmp_path, lightmap=f"room_{names[0]}").warnings)


def test_read_day_takes_one(level: Path) -> None:
    assert read_day(level, lightmap="roof").radiance.shape == (24, 3, 4, 3)
    with pytest.raises(DataError, match=r"found a dataset of 3; choose one by --lightmap \(such as hall\)"):
        read_day(level)
    with pytest.raises(DataError, match="expected a lightmap of hall, roof, yard, found 'attic'"):
        read_day(level, lightmap="attic")
    with pytest.raises(DataError, match="expected a dataset to choose the lightmap 'hall' from, found none"):
        read_day(level / "hall", lightmap="hall")


def test_options_reach_every_lightmap(level: Path) -> None:
    dataset = open_dataset(level, ReadOptions(first_hour=6.0, mask="none", encoding="linear"))
    entry = find_lightmap(dataset, "hall")
    assert (entry.transfer, entry.hours[0]) == ("linear", 0.0)
    day = dataset.read(entry)
    np.testing.assert_allclose(day.radiance, np.roll(CODES, 6, axis=0) / np.float32(255), rtol=1e-6)
    with pytest.raises(DataError, match=r"x\.png: expected a mask in each folder of a level"):
        open_dataset(level, ReadOptions(mask="x.png"))


def test_a_day_is_no_level(level: Path) -> None:
    for folder in (level / "hall", level / "yard", level / "notes", level / "gone"):
        assert not is_dataset(folder)
    Image.fromarray(CODES[0]).save(level / "preview.png")  # a single picture is no day
    assert is_dataset(level)
    Image.fromarray(CODES[0]).save(level / "preview2.png")
    assert not is_dataset(level)


def test_a_lightmap_called_png_hides_no_others_in_silence(level: Path) -> None:
    (level / "roof").rename(level / "png")
    assert not is_dataset(level)
    assert any("png/ is the day; hall, yard beside it left out" in line for line in read_day(level).warnings)


def test_lightmaps_behind_links_have_the_names_of_the_links(level: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    for name in ("one", "other"):
        (linked / name).symlink_to(level / "hall")
    assert [read_day(linked, lightmap=name).name for name in ("one", "other")] == ["one", "other"]


def test_pictures_in_a_levels_folder_are_said_to_be_the_day(level: Path) -> None:
    for t in (0, 1):
        Image.fromarray(CODES[t]).save(level / f"shot{t}.png")
    assert not is_dataset(level)
    (line,) = [line for line in read_day(level).warnings if "left out" in line and "folders" in line]
    assert line.endswith(
        "the 2 files in it are the day; folders with frames beside them are left out: hall, roof, yard"
    )
