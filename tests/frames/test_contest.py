"""Reading contest datasets: layouts, masks, and one clear line for each inconsistency."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import CONTEST_SAMPLE, SHARED
from tests.contest_data import KEYS, make_radiance, micro_dataset, write_config, write_dataset
from todpack.frames import DataError, find_lightmap, open_dataset, read_day

SMALL = SHARED / "data" / "hprc_small"


@pytest.fixture
def dataset(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    return tmp_path / "set", micro_dataset(tmp_path / "set")


def raw_file(folder: Path, config: dict[str, Any], index: int = 0, key: str = "0", kind: str = "lightmaps") -> Path:
    return folder / "Data" / config["lightmap_list"][index][kind][key]


def test_reads_values_masks_and_hours(dataset):
    folder, _ = dataset
    opened = open_dataset(folder)
    assert [entry.name for entry in opened.entries] == ["L_A_0", "L_A_1", "L_B_0"]
    sequence = opened.read(find_lightmap(opened, "L_A_1"))
    radiance, valid = make_radiance(17, 40, seed=2)
    np.testing.assert_array_equal(sequence.radiance, radiance)
    np.testing.assert_array_equal(sequence.valid, valid)
    assert (sequence.transfer, sequence.warnings, sequence.source_bytes) == ("linear", (), 26 * 17 * 40 * 12)
    assert sequence.hours[[0, 6, 7, 19, 20]].tolist() == [0.0, 5.9, 6.0, 18.0, 18.1]


def test_files_in_the_root(tmp_path):
    made = make_radiance(8, 9)
    write_dataset(tmp_path / "set", {("L", 3): made}, data="")
    np.testing.assert_array_equal(read_day(tmp_path / "set").radiance, made[0])


@pytest.mark.parametrize("by_list", [False, True])
def test_older_layout_of_parts(tmp_path, by_list):
    radiance, valid = make_radiance(10, 6)
    folder = tmp_path / "set"
    config = write_dataset(folder, {("L", 0): (radiance, valid)})
    (folder / "Original").mkdir()
    (folder / "Mask").mkdir()
    item = config["lightmap_list"][0]
    for kind, place, row_bytes in (("lightmaps", "Original", 72), ("masks", "Mask", 6)):
        for key, name in item[kind].items():
            data = (folder / "Data" / name).read_bytes()
            names = [name[:-1] + str(part) for part in range(3)]
            for part, rows in zip(names, (slice(0, 4), slice(4, 8), slice(8, 10)), strict=True):
                (folder / place / part).write_bytes(data[rows.start * row_bytes : rows.stop * row_bytes])
            if by_list:
                item[kind][key] = names
    if not by_list:
        item["parts"] = 3
    shutil.rmtree(folder / "Data")
    write_config(folder, config)
    sequence = read_day(folder)
    np.testing.assert_array_equal(sequence.radiance, radiance)
    np.testing.assert_array_equal(sequence.valid, valid)
    next((folder / "Original").glob("*_TOD_0_*.bin_1")).unlink()
    with pytest.raises(DataError, match=r"time 0: expected the file .*bin_1 in one of ., Data, Original"):
        open_dataset(folder)


def test_differing_masks_are_united_and_said(dataset):
    folder, config = dataset
    path = raw_file(folder, config, kind="masks", key="1200")
    codes = np.fromfile(path, np.int8)
    wet = int(np.flatnonzero(codes == -1)[0])
    codes[wet] = 127
    codes.tofile(path)
    opened = open_dataset(folder)
    sequence = opened.read(opened.entries[0])
    assert sequence.valid.ravel()[wet]
    assert int(sequence.valid.sum()) == int(make_radiance(24, 33)[1].sum()) + 1
    assert len(sequence.warnings) == 1 and "the masks of 1 times differ from the first" in sequence.warnings[0]


def test_invalid_texels_may_hold_anything(dataset):
    folder, config = dataset
    path = raw_file(folder, config)
    values = np.fromfile(path, "<f4").reshape(24, 33, 3)
    y, x = np.argwhere(~make_radiance(24, 33)[1])[0]
    values[y, x] = np.nan, -np.inf, -3.0
    values.tofile(path)
    opened = open_dataset(folder)
    sequence = opened.read(opened.entries[0])
    assert sequence.radiance[0, y, x].tolist() == [0.0, 0.0, 0.0]
    assert "3 NaN, infinite or negative values at invalid texels are read as 0" in sequence.warnings[0]


@pytest.mark.parametrize(
    ("value", "found"), [(np.nan, "nan"), (np.inf, "inf"), (-0.5, "-0.5")], ids=["nan", "inf", "negative"]
)
def test_bad_radiance(dataset, value, found):
    folder, config = dataset
    path = raw_file(folder, config, key="590")
    values = np.fromfile(path, "<f4").reshape(24, 33, 3)
    values[1, 2, 1] = value
    values.tofile(path)
    opened = open_dataset(folder)
    with pytest.raises(DataError, match=rf"TOD_590_.*expected finite radiance >= 0 .*found {found} at row 1, column 2"):
        opened.read(opened.entries[0])


def test_bad_files(dataset):
    folder, config = dataset
    opened = open_dataset(folder)
    mask, raw = raw_file(folder, config, kind="masks"), raw_file(folder, config)
    good = mask.read_bytes()
    mask.write_bytes(bytes([5]) + good[1:])
    with pytest.raises(DataError, match="expected mask values 127 or -1, found 5"):
        opened.read(opened.entries[0])
    mask.write_bytes(good[:-1])
    with pytest.raises(DataError, match=f"expected {24 * 33} bytes, found {24 * 33 - 1}"):
        opened.read(opened.entries[0])
    mask.write_bytes(good)
    raw.write_bytes(raw.read_bytes() + b"1234")
    with pytest.raises(DataError, match=f"expected {24 * 33 * 12} bytes, found {24 * 33 * 12 + 4}"):
        opened.read(opened.entries[0])
    for key in KEYS:
        raw_file(folder, config, kind="masks", key=key).write_bytes(b"\xff" * len(good))
    raw.write_bytes(raw.read_bytes()[:-4])
    with pytest.raises(DataError, match="L_A_0: expected at least one valid texel, found none"):
        opened.read(opened.entries[0])
    raw.unlink()
    with pytest.raises(DataError, match="L_A_0: time 0: expected the file"):
        open_dataset(folder)


def _renamed(key: str, to: str) -> Callable[[dict[str, Any]], None]:
    def change(config: dict[str, Any]) -> None:
        for kind in ("lightmaps", "masks"):
            table = config["lightmap_list"][0][kind]
            table[to] = table.pop(key)

    return change


def _first(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda config: config["lightmap_list"][0].update(fields)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_renamed("100", "1h"), "expected keys such as 0, 590, 2300 .*found '1h'"),
        (_renamed("100", "2400"), "expected one key for each time, found two of the same"),
        (_renamed("100", "0100"), "expected keys .*found '0100'"),
        (lambda c: c["lightmap_list"][0]["masks"].pop("590"), "the same keys in lightmaps and masks, found '590'"),
        (lambda c: c.update(lightmap_count=4), "lightmap_count = entries of lightmap_list >= 1, found 4, 3"),
        (lambda c: c.update(lightmap_list=[], lightmap_count=0), "found 0, 0"),
        (lambda c: c.pop("lightmap_count"), "lightmap_count: expected int, found none"),
        (lambda c: c["lightmap_list"][1].update(id=0), r"each \(level, id\) once, found \(L_A, 0\) twice"),
        (_first(id="x"), "id: expected int, found str 'x'"),
        (_first(id=True), "id: expected int, found bool"),
        (_first(level=""), "expected an id >= 0 and the name of a level"),
        (_first(resolution={"width": 0, "height": 3}), r"resolution.width: expected 1..65536, found 0"),
        (_first(lightmaps={}, masks={}), "expected at least one time, found none"),
        (lambda c: c["lightmap_list"][0]["masks"].update({"0": "../x"}), "inside of the dataset, found '../x'"),
        (lambda c: c["lightmap_list"][0]["masks"].update({"0": "/etc/passwd"}), "inside of the dataset"),
        (lambda c: c["lightmap_list"][0]["masks"].update({"0": "a\\..\\..\\x"}), "inside of the dataset"),
        (
            lambda c: c["lightmap_list"][0]["masks"].update({"0": 5}),
            "expected a file name or a list of them, found '5'",
        ),
    ],
)
def test_bad_config(dataset, change, message):
    folder, config = dataset
    changed = copy.deepcopy(config)
    change(changed)
    write_config(folder, changed)
    with pytest.raises(DataError, match=message) as caught:
        open_dataset(folder)
    assert "\n" not in str(caught.value)


def test_not_json_and_no_dataset(dataset, tmp_path):
    folder, _ = dataset
    (folder / "config.json").write_text('{"lightmap_list": [')
    with pytest.raises(DataError, match=r"config.json: expected JSON"):
        read_day(folder)
    with pytest.raises(DataError, match=r"expected a dataset folder with config.json, found none"):
        open_dataset(tmp_path / "nothing")


def test_several_lightmaps_need_a_choice(dataset):
    folder, _ = dataset
    with pytest.raises(DataError, match=r"found a dataset of 3; choose one by --lightmap .* todpack compress"):
        read_day(folder)
    assert read_day(folder, lightmap="L_B_0").name == "L_B_0"
    with pytest.raises(DataError, match="expected a lightmap of L_A_0, L_A_1, L_B_0, found 'L_C_0'"):
        read_day(folder, lightmap="L_C_0")


def test_other_times_are_said(tmp_path):
    write_dataset(tmp_path / "set", {("L", 0): make_radiance(6, 6, ("0", "730"))}, ("0", "730"))
    sequence = read_day(tmp_path / "set")
    assert sequence.hours.tolist() == [0.0, 7.3]
    assert "expected the 26 usual times, found 2 times" in sequence.warnings[0]


@pytest.mark.parametrize("kind", ["swapped", "other time", "twice"])
def test_files_that_are_named_as_another_are_said(tmp_path, kind):
    radiance, valid = make_radiance(8, 12)
    config = write_dataset(tmp_path, {("L", 0): (radiance, valid)})
    (item,) = config["lightmap_list"]
    files = item["lightmaps"]
    if kind == "swapped":
        item["resolution"] = {"width": 8, "height": 12}
    elif kind == "other time":
        files["600"], files["1200"] = files["1200"], files["600"]
    else:
        files["100"] = files["0"]
    assert not [line for line in read_day(tmp_path).warnings if "named as" in line]
    write_config(tmp_path, config)
    (line,) = [line for line in read_day(tmp_path).warnings if "named as" in line]
    first = {"swapped": "TOD_0_12_8.bin_0", "other time": "TOD_1200_12_8.bin_0", "twice": "TOD_0_12_8.bin_0"}
    n_files = {"swapped": 2 * len(KEYS), "other time": 2, "twice": 1}
    assert f"L_0: {n_files[kind]} files are named as of another time or size" in line and first[kind] in line


def test_the_sample():
    opened = open_dataset(CONTEST_SAMPLE)
    assert [(e.name, e.width, e.height) for e in opened.entries] == [("L_Courtyard_0", 56, 48), ("L_Annex_0", 40, 50)]
    for entry in opened.entries:
        day = opened.read(entry)
        assert (day.warnings, day.transfer) == ((), "linear")
        assert day.radiance.shape == (26, entry.height, entry.width, 3)
        assert 0.5 < day.valid.mean() < 0.8


@pytest.mark.skipif(not SMALL.is_dir(), reason="needs hprc_small of the shared data")
def test_the_sample_can_be_made_again(tmp_path):
    subprocess.run([sys.executable, CONTEST_SAMPLE / "make_sample.py", SMALL, tmp_path], check=True)
    made = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(made) == 105
    for path in (CONTEST_SAMPLE / "config.json", *(CONTEST_SAMPLE / "Data").iterdir()):
        assert made[path.name] == path.read_bytes()


@pytest.mark.skipif(not SMALL.is_dir(), reason="needs hprc_small of the shared data")
def test_shared_dataset():
    opened = open_dataset(SMALL)
    assert [(e.name, e.width, e.height) for e in opened.entries] == [
        ("L_Courtyard_0", 128, 128), ("L_Courtyard_1", 256, 128), ("L_Annex_0", 60, 100),
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_config_of_windows(tmp_path, encoding):
    """A byte order mark, and names with backslashes."""
    config = write_dataset(tmp_path, {("L", 0): make_radiance(8, 9)}, data="Data")
    for kind in ("lightmaps", "masks"):
        table = config["lightmap_list"][0][kind]
        table.update({key: f"Data\\{name}" for key, name in table.items()})
    (tmp_path / "config.json").write_bytes(json.dumps(config).encode(encoding))
    np.testing.assert_array_equal(read_day(tmp_path).radiance, make_radiance(8, 9)[0])


def test_keys_that_are_hours_are_said(tmp_path):
    keys = ("0", "6", "12", "24")
    radiance, valid = make_radiance(8, 9, keys)
    write_dataset(tmp_path / "a", {("L", 0): (radiance[1:], valid)}, keys[1:])
    day = read_day(tmp_path / "a")
    assert day.hours.tolist() == [0, 6, 12]
    np.testing.assert_array_equal(day.radiance, radiance[[3, 1, 2]])
    assert "the keys 6 to 24 are taken as hours" in day.warnings[0]
    write_dataset(tmp_path / "b", {("L", 0): (radiance, valid)}, keys)
    with pytest.raises(DataError, match="expected one key for each time, found two of the same"):
        read_day(tmp_path / "b")


def test_id_as_text(dataset):
    folder, config = dataset
    config["lightmap_list"][1]["id"] = "7"
    write_config(folder, config)
    assert open_dataset(folder).entries[1].name == "L_A_7"


def test_first_public_layout(tmp_path):
    """config.json names no files; times 1.00 to 24.00, one mask, parts along the rows."""
    hours = range(1, 25)
    radiance, valid = make_radiance(10, 6, [str(100 * (hour % 24)) for hour in hours])
    for place in ("Original", "Mask"):
        (tmp_path / place).mkdir()
    for hour, frame in zip(hours, radiance, strict=True):
        for part, rows in enumerate((frame[:4], frame[4:])):
            name = f"lightmapRawData_Dilate_VirtualTexture0_3_HQ_6_10_{hour}.00.bin_{part}"
            rows.astype("<f4").tofile(tmp_path / "Original" / name)
    for part, rows in enumerate((valid[:4], valid[4:])):
        codes = np.where(rows, 127, -1).astype(np.int8)
        codes.tofile(tmp_path / "Mask" / f"lightmapCoverage_Dilate_VirtualTexture0_3_HQ_6_10_1.00.bin_{part}")
    item = {"id": "3", "resolution": {"width": 6, "height": 10}, "parts": 2}
    write_config(tmp_path, {"lightmap_count": 1, "lightmap_list": [item]})
    day = read_day(tmp_path)
    assert (day.name, day.warnings, day.hours.tolist()) == ("VirtualTexture0_3", (), list(range(24)))
    np.testing.assert_array_equal(day.radiance, np.roll(radiance, 1, axis=0))
    np.testing.assert_array_equal(day.valid, valid)
    (tmp_path / "Original" / "lightmapRawData_Dilate_VirtualTexture0_3_HQ_6_10_5.00.bin_1").unlink()
    with pytest.raises(DataError, match=r"time 5\.00: expected the file .*bin_1 in one of ., Data, Original"):
        read_day(tmp_path)
    for path in (tmp_path / "Mask").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"expected files lightmapCoverage_\*_3_HQ_6_10_\*\.bin_0 in one of "):
        open_dataset(tmp_path)


def test_git_lfs_pointers_are_named(dataset):
    folder, config = dataset
    raw_file(folder, config, 2, "1200").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(DataError, match=r"TOD_1200_.*found a Git LFS pointer; fetch the files by git lfs pull"):
        open_dataset(folder)


def test_sizes_are_looked_at_before_anything_is_read(dataset: tuple[Path, dict[str, Any]]) -> None:
    folder, config = dataset
    opened = open_dataset(folder)
    with raw_file(folder, config).open("r+b") as file:
        file.truncate(1 << 34)  # sparse: to read it would take long
    with pytest.raises(DataError, match=r"expected \d+ bytes, found 17179869184"):
        opened.files(opened.entries[0])
    (folder / "config.json").write_bytes(b" " * ((1 << 25) + 1))
    with pytest.raises(DataError, match=r"config\.json: expected at most 33554432 bytes, found 33554433"):
        open_dataset(folder)
