"""Fireflies: found, taken out of what is coded, put back by every decoder, and never taken for light."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.contest_data import KEYS, make_radiance
from tests.decompressor.forge import put_together, set_section, take_apart
from todpack import TodpackError, compress
from todpack.decompressor import open_archive
from todpack.decompressor.pixels import FORMATS
from todpack.frames import Day
from todpack.packer.dataset.merge import merge_archives
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day
from todpack.packer.daybasis.fireflies import CalmDay, without_fireflies
from todpack.submission.contest.build import build_contest
from todpack.submission.contest.write_lightmap import plain_bits_of
from todpack.submission.plain_bits.header import CHECKSUM_BYTES, HEADER, Header, with_checksum
from todpack.submission.plain_bits.lightmap import read_lightmap

HOURS = np.array([int(key) / 100 for key in KEYS])
HOUR = 14
CONFIG = DayBasisConfig(q_step=4.0, tile=32, n_levels=3, max_classes=1)
OPTIONS = DayBasisPackOptions(entropy="zstd")
PLACES = [(10, 10), (10, 11), (11, 10), (11, 11)]
DECODERS = ("native", "onnx", "reference")


def day_of(places=(), value=1000.0, hours=(HOUR,), name="day") -> Day:
    radiance, valid = make_radiance(48, 44)
    for hour, (y, x) in itertools.product(hours, places):
        radiance[hour, y, x] = value
        valid[y, x] = True
    return Day(radiance, valid, HOURS, "linear", name)


def rest_db(archive, day: Day) -> float:
    """PSNR of the texels of HOUR that are none of PLACES."""
    rest = day.valid.copy()
    for place in PLACES:
        rest[place] = False
    original = day.radiance[HOUR][rest]
    decoded = archive.decode(float(HOURS[HOUR]), dtype="float32")[rest]
    return float(20 * np.log10(original.max()) - 10 * np.log10(np.square(decoded - original).mean()))


@pytest.fixture(scope="module")
def hot(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("fireflies") / "hot.tod"
    encode_day(day_of(PLACES), CONFIG, OPTIONS).write(path)
    return path


@pytest.mark.parametrize("value", [30.0, 1e3, 1e5])
@pytest.mark.thorough
def test_the_others_of_the_hour_are_as_good_as_without(tmp_path, value):
    found = {}
    for name, day in {"clean": day_of(), "hot": day_of(PLACES, value)}.items():
        made = encode_day(day, CONFIG, OPTIONS)
        made.write(tmp_path / f"{name}.tod")
        with open_archive(tmp_path / f"{name}.tod") as archive:
            found[name] = rest_db(archive, day), made.size_bytes, made.psnr_db
            assert len(archive.metadata["lightmaps"][0].get("outliers", "")) == (10 if name == "hot" else 0)
            assert ("outliers" in archive.metadata["requires"]) == (name == "hot")
    (clean_db, clean_bytes, clean_psnr), (hot_db, hot_bytes, hot_psnr) = found["clean"], found["hot"]
    assert abs(hot_db - clean_db) < 1.0
    assert hot_psnr == pytest.approx(clean_psnr, abs=0.5)  # what targets are for: fireflies do not count
    assert (
        hot_bytes - clean_bytes < 24 * len(PLACES) + 0.03 * clean_bytes
    )  # fits of rotations fall out a little otherwise


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("gutter", ["dilate", "black"])
def test_frame_region_and_texel_have_the_exact_values(hot, decoder, gutter):
    day = day_of(PLACES)
    with open_archive(hot, decoder=decoder, gutter=gutter) as archive:
        time_h = float(HOURS[HOUR])
        frame = archive.decode(time_h, dtype="float32")
        region = archive.decode(time_h, (11, 20, 5, 12), dtype="float32")
        np.testing.assert_array_equal(region, frame[11:20, 5:12])
        for y, x in [*PLACES, (12, 12), (9, 11)]:
            np.testing.assert_array_equal(archive.texel(y, x, time_h, dtype="float32"), frame[y, x])
        for place in PLACES:
            np.testing.assert_array_equal(frame[place], day.radiance[HOUR][place])
        assert float(frame[9, 11].max()) < 10.0
        for name in ("float16", "rgba16f", "rgb9e5"):
            pixels = FORMATS[name]
            found = archive.decode(time_h, dtype=name)[10, 10]
            np.testing.assert_array_equal(found, pixels.of(day.radiance[HOUR][10:11, 10:11].copy(), "linear")[0, 0])
        for between in (time_h - 0.01, time_h + 0.01, float(HOURS[HOUR - 1])):
            assert float(archive.decode(between, dtype="float32")[10, 10].max()) < 10.0


def test_plain_bits_have_them_too(hot, tmp_path):
    with open_archive(hot) as opened:
        (tmp_path / "hot.bin").write_bytes(plain_bits_of(opened, 0))
    lightmap = read_lightmap(tmp_path / "hot.bin")
    with open_archive(hot, gutter="mean") as opened:
        for time_h in (float(HOURS[HOUR]), float(HOURS[HOUR]) + 0.25, 0.0, 24.0):
            expected = opened.decode(time_h % 24, dtype="float32")
            np.testing.assert_allclose(lightmap.radiance(time_h), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(lightmap.radiance(float(HOURS[HOUR]))[11, 11], [1000.0] * 3)
    data = (tmp_path / "hot.bin").read_bytes()
    header, content = Header.unpack(data), data[HEADER.size + CHECKSUM_BYTES : -12]
    (tmp_path / "hot.bin").write_bytes(with_checksum(header, content + b"\xff" * 12))  # the last value is no number
    with pytest.raises(ValueError, match="expected outliers in the day"):
        read_lightmap(tmp_path / "hot.bin")


@pytest.mark.thorough
def test_the_contests_interface_has_them(hot, tmp_path):
    pytest.importorskip("torch")
    build_contest(hot, tmp_path / "folder")
    (tmp_path / "folder" / "Parameters" / "day.bin").rename(tmp_path / "folder" / "Parameters" / "L_0.bin")
    text = f"""
import Interface
lightmap = Interface.get({{"level": "L", "id": 0}}, "cpu")
lightmap.reconstruct({HOURS[HOUR]})
print(lightmap.get_result()[0, :, 10, 11].tolist(), lightmap.random_test([[10, 11, {HOURS[HOUR]}]]).tolist())
lightmap.reconstruct({HOURS[HOUR] + 0.25})
print(float(lightmap.get_result().max()) < 10.0)
"""
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path / "folder", capture_output=True, text=True, check=True
    )
    assert done.stdout == "[1000.0, 1000.0, 1000.0] [[1000.0, 1000.0, 1000.0]]\nTrue\n"


def test_a_level_keeps_those_of_each_lightmap(hot, tmp_path):
    encode_day(day_of(name="other"), CONFIG, OPTIONS).write(tmp_path / "calm.tod")
    merge_archives([tmp_path / "calm.tod", hot]).write(tmp_path / "level.tod")
    with open_archive(tmp_path / "level.tod") as archive:
        time_h = float(HOURS[HOUR])
        assert archive.decode(time_h, lightmap="day", dtype="float32")[10, 10].tolist() == [1000.0] * 3
        assert float(archive.decode(time_h, lightmap="other", dtype="float32").max()) < 10.0


def test_it_is_said(tmp_path):
    lines: list[str] = []
    compress(day_of(PLACES), tmp_path / "a.tod", entropy="zstd", q_step=8.0, on_warning=lines.append)
    assert lines == [
        "day: 4 texel(s) at 1 hour(s) are over 10 times brighter than the rest of the hour and than themselves before "
        f"and after (fireflies?), up to 1000 at {HOURS[HOUR]:g} h, row 10, column 10; they are stored exactly, "
        "beside the others"
    ]


SPOT = [(y, x) for y in range(20, 23) for x in range(20, 23)]


@pytest.mark.parametrize(
    "day",
    [
        day_of(),
        day_of(PLACES, hours=(HOUR, HOUR + 1)),  # a lamp that is on for two hours
        day_of(SPOT),  # sunlight through a slit
        day_of(PLACES, value=9.0),  # bright, but not by an order of magnitude
        replace(day_of(PLACES), transfer="srgb8"),
    ],
    ids=["nothing", "lamp", "spot", "bright", "8-bit"],
)
def test_light_is_no_firefly(day):
    assert without_fireflies(day) is day


def test_an_isolated_texel_takes_what_it_was_before_and_after():
    day = day_of([(10, 10)])
    day.valid[7:14, 7:14] = False
    day.valid[10, 10] = True
    calm = without_fireflies(day)
    assert isinstance(calm, CalmDay)
    values, _ = calm.read(slice(8, 20), slice(10, 30))
    expected = (day.radiance[HOUR - 1, 10, 10] + day.radiance[HOUR + 1, 10, 10]) / 2
    np.testing.assert_array_equal(values[HOUR, 2, 0], expected)
    assert float(day.radiance[HOUR, 10, 10, 0]) == 1000.0  # the day itself is left as it was


def forged(hot: Path, path: Path, change) -> Path:
    metadata, stored = take_apart(hot.read_bytes())
    rows = np.array([[HOUR, 10, 10, *np.array([1.0, 2.0, 3.0], np.float32).view(np.int32)]] * 2, "<i4")
    rows[1, 2] = 11
    set_section(metadata, stored, "0/outliers", change(rows), "i4")
    path.write_bytes(put_together(metadata, stored))
    return path


def with_value(rows: np.ndarray, value: float) -> np.ndarray:
    rows[0, 3:4] = np.array([value], np.float32).view(np.int32)
    return rows


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda rows: rows[::-1], "ascending places"),
        (lambda rows: rows[[0, 0]], "ascending places"),
        (lambda rows: rows + np.array([99, 0, 0, 0, 0, 0], "<i4"), "ascending places"),
        (lambda rows: rows - np.array([0, 11, 0, 0, 0, 0], "<i4"), "ascending places"),
        (lambda rows: rows[:, :5], r"expected i4 of shape \[n, 6\]"),
        (lambda rows: np.repeat(rows, 40_000, axis=0), r"n up to 65535"),
        (lambda rows: with_value(rows, float("nan")), "values >= 0"),
        (lambda rows: with_value(rows, -1.0), "values >= 0"),
    ],
)
def test_others_are_refused(hot, tmp_path, change, problem):
    path = forged(hot, tmp_path / "forged.tod", change)
    with open_archive(path) as archive, pytest.raises(TodpackError, match=problem):
        archive.decode(0.0, dtype="float32")


def test_forged_ones_without_fault_decode(hot, tmp_path):
    with open_archive(forged(hot, tmp_path / "forged.tod", lambda rows: rows)) as archive:
        assert archive.texel(10, 11, float(HOURS[HOUR]), dtype="float32").tolist() == [1.0, 2.0, 3.0]
