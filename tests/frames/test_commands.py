"""What `todpack compress` and `eval score` make of frames of every kind, from files to a decoded frame."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import make_day, write_day
from tests.contest_data import make_radiance, write_dataset
from tests.frames.foreign_files import ffmpeg_frame
from todpack import open_archive
from todpack.cli import main

FRAMES, VALID = make_day(20, 28, 6)
RADIANCE, HDR_VALID = make_radiance(20, 28, ("0", "500", "590", "1200", "1810", "2000"))
TIMES = [0, 5, 5.9, 12, 18.1, 20]


def run(*words: object) -> int:
    return main([str(word) for word in words])


def write_hdr(folder: Path, suffix: str) -> Path:
    folder.mkdir(parents=True)
    for hour, frame in zip(TIMES, RADIANCE, strict=True):
        path = folder / f"lm_{hour:05.2f}{suffix}"
        if suffix == ".npy":
            np.save(path, frame)
        elif suffix == ".tif":
            pytest.importorskip("tifffile").imwrite(path, frame, photometric="rgb")
        else:
            ffmpeg_frame(path, suffix[1:], frame)
    Image.fromarray(np.where(HDR_VALID, 255, 0).astype(np.uint8)).save(folder / "valid.png")
    return folder


@pytest.mark.parametrize("suffix", [".exr", ".hdr", ".tif", ".npy"])
def test_hdr_frames_of_every_kind(
    tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for package in ("OpenEXR", "imagecodecs", "av"):
        pytest.importorskip(package)
    folder, archive = write_hdr(tmp_path / "day", suffix), tmp_path / "x.tod"
    assert run("compress", folder, "-o", archive, "--q-step", 1, "--reweight", 0) == 0
    assert "times are taken from the names: 6 from 0 to 20 h" in caplog.text
    capsys.readouterr()
    caplog.clear()
    with open_archive(archive) as opened:
        assert opened.hours.tolist() == TIMES
        found = np.stack([opened.decode(hour, dtype="float32") for hour in TIMES])
    np.testing.assert_allclose(found[:, HDR_VALID], RADIANCE[:, HDR_VALID], atol=0.06)
    assert run("eval", "score", archive, "--data", folder, "--no-lpips", "--json") == 0
    assert json.loads(capsys.readouterr().out)["psnr_linear_db"] > 45
    assert "times are taken from the names: 6 from 0 to 20 h" in caplog.text


def test_options_of_reading_reach_the_archive(tmp_path: Path) -> None:
    """Counters from 1, alpha, an encoding and hours of the user's own, all on the command line."""
    folder = tmp_path / "day"
    folder.mkdir()
    alpha = np.where(VALID, 200, 0).astype(np.uint8)
    for t, codes in enumerate(FRAMES):
        Image.fromarray(np.dstack([codes, alpha])).save(folder / f"{t + 1}.png")
    assert run("compress", folder, "-o", tmp_path / "a.tod", "--mask", "alpha", "--hours", "1,3,5,7,9,11") == 0
    assert run("compress", folder, "-o", tmp_path / "b.tod", "--encoding", "rgbm:4", "--first_hour", 4) == 0
    with open_archive(tmp_path / "a.tod") as archive:
        assert archive.hours.tolist() == [1, 3, 5, 7, 9, 11]
        np.testing.assert_array_equal(archive.lightmaps[0].valid, VALID)
    with open_archive(tmp_path / "b.tod") as archive:
        assert archive.hours.tolist() == [0, 4, 8, 12, 16, 20]
        expected = FRAMES[0] / 255 * (200 / 255) * 4
        np.testing.assert_allclose(archive.decode(4, dtype="float32")[VALID], expected[VALID], atol=0.1)


def test_our_own_frames_read_back(tmp_path: Path) -> None:
    """Frames of another archive, decompressed, are a day again, at the same times."""
    pytest.importorskip("OpenEXR")
    folder = write_hdr(tmp_path / "day", ".npy")
    assert run("compress", folder, "-o", tmp_path / "a.tod", "--q-step", 1, "--reweight", 0) == 0
    assert run("decompress", tmp_path / "a.tod", "-o", tmp_path / "out", "--format", "exr") == 0
    assert run("compress", tmp_path / "out", "-o", tmp_path / "b.tod", "--q-step", 1, "--reweight", 0) == 0
    with open_archive(tmp_path / "b.tod") as archive:
        assert archive.hours.tolist() == TIMES


@pytest.fixture
def level(tmp_path: Path) -> Path:
    """Two lightmaps of 8 bits, one with texels that are black in every frame."""
    write_day(tmp_path / "level" / "hall", FRAMES, VALID)
    write_day(tmp_path / "level" / "yard", FRAMES * VALID[..., None], None)
    return tmp_path / "level"


@pytest.mark.thorough
def test_level_of_folders(
    level: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "level.tod"
    assert run("compress", level, "-o", out, "--hours", "0,4,8,12,16,21") == 0
    assert "2 lightmaps" in capsys.readouterr().out
    assert caplog.text.count("texels are black in every frame") == 1
    with open_archive(out) as archive:
        assert [lightmap.name for lightmap in archive.lightmaps] == ["hall", "yard"]
        assert archive.metadata["transfer"] == "srgb8"
        assert archive.hours.tolist() == [0, 4, 8, 12, 16, 21]
    words = ("--data", level, "--lightmap", "yard", "--hours", "0,4,8,12,16,21", "--no-lpips", "--json")
    assert run("eval", "score", out, *words) == 0
    assert json.loads(capsys.readouterr().out)["psnr_srgb_db"] > 35


def test_level_of_two_kinds_is_refused(level: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_hdr(level / "roof", ".npy")
    for name in ("hall", "yard"):
        (level / name / "hours.txt").write_text("0 5 5.9 12 18.1 20")
    assert run("compress", level, "-o", tmp_path / "x.tod") == 1
    assert "roof: expected srgb8 values as in hall, found linear" in capsys.readouterr().err
    assert run("compress", level, "-o", tmp_path / "x.tod", "--lightmap", "roof") == 0
    assert run("compress", level, "-o", tmp_path / "x.tod", "--transfer", "log") == 1
    assert "--transfer: an option of linear radiance, found 8-bit frames" in capsys.readouterr().err


@pytest.mark.parametrize("words", [(), ("--lightmap", "L_0")])
def test_warnings_reach_the_user_in_every_route(
    tmp_path: Path, words: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    config = write_dataset(tmp_path / "set", {("L", 0): make_radiance(8, 12, ("0", "1200"))}, ("0", "1200"))
    mask = tmp_path / "set" / "Data" / config["lightmap_list"][0]["masks"]["1200"]
    mask.write_bytes(b"\x7f" * 96)
    assert run("compress", tmp_path / "set", "-o", tmp_path / "x.tod", *words) == 0
    assert caplog.text.count("the masks of 1 times differ from the first") == 1
    assert caplog.text.count("expected the 26 usual times, found 2 times") == 1
    assert "2 warnings, see above" in caplog.text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--encoding", "rgbx"), "--encoding: expected none, srgb, linear, dldr, rgbm:RANGE"),
        (("--encoding", "rgbm:5"), "expected integer RGBA for --encoding rgbm:5, found no alpha channel"),
        (("--hours", "1,2"), "--hours: expected 6 times, one for each frame, found 2"),
        (("--mask", "alpha"), "expected an alpha channel for --mask alpha, found none"),
    ],
)
def test_refusals(tmp_path: Path, words: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_day(tmp_path / "day", FRAMES, VALID)
    assert run("compress", folder, "-o", tmp_path / "x.tod", *words) == 1
    (error,) = [text for text in capsys.readouterr().err.splitlines() if "error" in text]
    assert line in error
    assert not (tmp_path / "x.tod").exists()


def test_a_contest_dataset_says_itself_how_it_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_dataset(tmp_path / "set", {("L", 0): make_radiance(8, 12, ("0", "1200"))}, ("0", "1200"))
    given: dict[str, Any] = {
        "--mask": "alpha", "--hours": "0,1", "--first-hour": 2, "--encoding": "dldr", "--layer": "a",
    }  # fmt: skip
    for name, value in given.items():
        assert run("compress", tmp_path / "set", "-o", tmp_path / "x.tod", name, value) == 1
        assert f"expected no {'--encoding or --layer' if name in ('--encoding', '--layer') else name}" in (
            capsys.readouterr().err
        )


@pytest.mark.parametrize(
    ("folder", "name"), [("day\u3000one", "day one"), ("day\u200done", "day_one"), ("a\nb", "a b")]
)
def test_folders_whose_names_no_terminal_shows(tiny_day: Path, tmp_path: Path, folder: str, name: str) -> None:
    shutil.copytree(tiny_day, tmp_path / folder)
    out = tmp_path / "out.tod"
    assert main(["compress", str(tmp_path / folder), "-o", str(out), "--refine", "none"]) == 0
    with open_archive(out, provider="cpu") as archive:
        assert archive.lightmaps[0].name == name


@pytest.mark.parametrize("words", [(), ("--target-psnr", 40), ("--target-size", 1000)])
def test_a_day_without_light_has_no_decibels(
    tmp_path: Path, words: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    for hour in range(3):
        np.save(tmp_path / f"lm_{hour:02d}.npy", np.zeros((8, 8, 3), np.float32))
    assert run("compress", tmp_path, "-o", tmp_path / "x.tod", "--mask", "none", *words) == 0
    assert " bytes, no light, q_step " in capsys.readouterr().out
    with open_archive(tmp_path / "x.tod") as archive:
        assert not archive.decode(1.0, dtype="float32").any()


@pytest.mark.thorough
def test_a_lightmap_without_light_meets_a_levels_target(tmp_path: Path) -> None:
    for lit, name in ((0.0, "dark"), (1.0, "bright")):
        (tmp_path / "level" / name).mkdir(parents=True)
        for hour in range(4):
            np.save(tmp_path / "level" / name / f"lm_{hour}.npy", lit * RADIANCE[hour])
    words = ("--mask", "none", "--refine", "none", "--target-psnr", 40)
    assert run("compress", tmp_path / "level", "-o", tmp_path / "x.tod", *words) == 0
    with open_archive(tmp_path / "x.tod") as archive:
        bright, dark = (lightmap.decode(6.0, dtype="float32") for lightmap in archive.lightmaps)
    assert bright.any()
    assert not dark.any()
