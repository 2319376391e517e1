"""Reading contest datasets: layouts, masks, and one clear line for each inconsistency."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import SHARED
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
        (_renamed("100", "2400"), "expected keys .*found '2400'"),
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


@pytest.mark.skipif(not SMALL.is_dir(), reason="needs hprc_small of the shared data")
def test_shared_dataset():
    opened = open_dataset(SMALL)
    assert [(e.name, e.width, e.height) for e in opened.entries] == [
        ("L_Courtyard_0", 128, 128), ("L_Courtyard_1", 256, 128), ("L_Annex_0", 60, 100),
    ]  # fmt: skip
    for entry in opened.entries:
        sequence = opened.read(entry)
        assert sequence.warnings == () and sequence.radiance.shape == (26, entry.height, entry.width, 3)
