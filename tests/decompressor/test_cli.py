"""decompress.py: names and content of what it writes, its options, and its exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY, make_day
from tests.decompressor.forge import put_together, take_apart
from todpack import decompressor
from todpack.decompressor import RequestError, open_archive
from todpack.decompressor.cli import main, parse_hours, parse_region
from todpack.decompressor.names import frame_names
from todpack.frames import Day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day

SCRIPT = Path(decompressor.__file__).parent / "decompress.py"


def read(path: Path) -> np.ndarray:
    return np.load(path) if path.suffix == ".npy" else np.asarray(Image.open(path))


def test_script_from_another_folder(tiny_archive: Path, tmp_path: Path) -> None:
    """`python -I decompress.py`, archive and output by relative paths: all stored hours, equal to the library's."""
    (tmp_path / "scene.tod").write_bytes(tiny_archive.read_bytes())
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), "scene.tod", "-o", "frames", "--threads", "1"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert sorted(p.name for p in (tmp_path / "frames").iterdir()) == [f"tod_{t:02d}.png" for t in range(24)]
    with open_archive(tiny_archive, provider="cpu") as archive:
        for t in (0, 11, 23):
            with Image.open(tmp_path / "frames" / f"tod_{t:02d}.png") as image:
                assert (image.mode, image.size) == ("RGB", (72, 64))
                np.testing.assert_array_equal(np.asarray(image), archive.decode(float(t)))


def test_script_errors_have_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), "gone.tod", "-o", "frames"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "todpack: error: gone.tod: cannot be opened: No such file or directory\n"
    assert not (tmp_path / "frames").exists()


def test_hours_and_their_names(tiny_archive: Path, tmp_path: Path) -> None:
    assert main([str(tiny_archive), "-o", str(tmp_path / "out"), "--hours", "0,6,18.5", "-q"]) == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["tod_00.png", "tod_06.png", "tod_18.50.png"]
    with open_archive(tiny_archive, provider="cpu") as archive:
        np.testing.assert_array_equal(read(tmp_path / "out" / "tod_18.50.png"), archive.decode(18.5))


def test_region_npy_and_timings(tiny_archive: Path, tmp_path: Path) -> None:
    arguments = ["--region", "3:40,10:71", "--format", "npy", "--hours", "7", "--timings", str(tmp_path / "t.json")]
    assert main([str(tiny_archive), "-o", str(tmp_path / "out"), *arguments, "--threads", "2"]) == 0
    found = read(tmp_path / "out" / "tod_07.npy")
    assert found.dtype == np.uint8
    with open_archive(tiny_archive, provider="cpu") as archive:
        np.testing.assert_array_equal(found, archive.decode(7.0)[3:40, 10:71])
    timings = json.loads((tmp_path / "t.json").read_text())
    assert timings["threads"] == 2
    (frame_ms,) = timings["frame_ms"].values()
    assert len(frame_ms) == 1
    assert 0.0 < frame_ms[0] < timings["total_ms"]


@pytest.mark.parametrize("region", [None, "8:24,16:48"])
def test_black_invalid(tiny_archive: Path, tmp_path: Path, region: str | None) -> None:
    arguments = ["--region", region] if region else []
    assert main([str(tiny_archive), "-o", str(tmp_path), "--hours", "12", "--black-invalid", *arguments]) == 0
    found = read(tmp_path / "tod_12.png")
    with open_archive(tiny_archive, provider="cpu") as archive:
        expected, valid = archive.decode(12.0), archive.lightmaps[0].valid
    assert expected[~valid].any()
    expected[~valid] = 0
    np.testing.assert_array_equal(found, expected[8:24, 16:48] if region else expected)


def test_lightmap_by_name_and_number(tiny_archive: Path, tmp_path: Path) -> None:
    with open_archive(tiny_archive, provider="cpu") as archive:
        name = archive.lightmaps[0].name
    for lightmap in (name, "0"):
        assert main([str(tiny_archive), "-o", str(tmp_path), "--hours", "1", "--lightmap", lightmap]) == 0


def test_a_name_that_is_a_number_goes_before_the_position(tmp_path: Path) -> None:
    frames, valid = make_day(16, 16, 2)
    path = tmp_path / "named.tod"
    day = Day(frames.astype(np.float32), valid, np.array([0.0, 12.0]), "srgb8", "2024")
    encode_day(day, DayBasisConfig(), DayBasisPackOptions()).write(path)
    for lightmap in ("2024", "0"):
        assert main([str(path), "-o", str(tmp_path / "out"), "--lightmap", lightmap]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--hours", "23.99999999"], "--hours: expected hours under 24 as float32, found 23.99999999"),
        (["--hours", "18.0000001,18"], "--hours: expected different times, found 18.0000001 more than once"),
        (["--hours", "24"], "--hours: expected hours in [0, 24), found 24"),
        (["--hours", "-1"], "--hours: expected hours in [0, 24), found -1"),
        (["--hours", "nan"], "--hours: expected hours in [0, 24), found nan"),
        (["--hours", "noon"], "--hours: expected numbers separated by commas, found 'noon'"),
        (["--hours", "1,,2"], "--hours: expected numbers separated by commas"),
        (["--region", "0:64"], "--region: expected y0:y1,x0:x1 such as 0:64,128:256, found '0:64'"),
        (["--region", "0:65,0:72"], "region: expected rows within 0:64 and columns within 0:72, found 0:65,0:72"),
        (["--region", "5:5,0:72"], "region: expected rows within"),
        (["--region=-1:5,0:72"], "--region: expected y0:y1,x0:x1"),
        (["--lightmap", "7"], "lightmap: expected 0..0 or one of"),
        (["--lightmap", "kitchen"], "found 'kitchen'"),
        (["--lightmap", "9" * 5000], "lightmap: expected 0..0 or one of"),
        (["--threads", "0"], "threads: expected 1..1024, found 0"),
        (["--timings", "/nowhere/t.json", "--hours", "0"], "/nowhere/t.json: cannot be written"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_values_are_1(
    tiny_archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main([str(tiny_archive), "-o", str(tmp_path / "out"), "-q", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("todpack: error: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err


def test_output_that_is_a_file(tiny_archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("x")
    assert main([str(tiny_archive), "-o", str(tmp_path / "out"), "-q"]) == 1
    assert "out: expected a folder, found a file" in capsys.readouterr().err


def test_cuda_where_there_is_none(
    tiny_archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from todpack.decompressor.graphs import session

    monkeypatch.setattr(session, "_cuda_is_here", lambda: False)
    assert main([str(tiny_archive), "-o", str(tmp_path), "-q", "--provider", "cuda"]) == 1
    assert "expected a CUDA device for 'cuda', found none" in capsys.readouterr().err
    assert main([str(tiny_archive), "-o", str(tmp_path), "-q", "--provider", "auto", "--hours", "0"]) == 0


def test_cuda_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look would be one more place at which Ctrl-C could leave a lock of Python's held."""
    from todpack.decompressor.graphs import session

    found: list[int] = []
    monkeypatch.setattr(session, "_cuda_libraries_load", lambda: bool(found.append(1)))
    session._cuda_is_here.cache_clear()
    assert [session._cuda_is_here() for _ in range(3)] == [False] * 3
    session._cuda_is_here.cache_clear()
    assert found == [1]


@pytest.mark.parametrize("arguments", [[], ["a.tod"], ["a.tod", "-o"], ["a.tod", "-o", "x", "--what"]])
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: decompress.py" in capsys.readouterr().err


def test_parsing() -> None:
    assert parse_hours("0, 6,18.5") == [0.0, 6.0, 18.5]
    assert parse_region(" 0:64,128:256 ") == (0, 64, 128, 256)
    for text in ("", "a", "1:2", "0:1,2:3,4:5", "0:1;2:3", "1e3:2,0:1", "0:99999999999,0:1"):
        with pytest.raises(RequestError):
            parse_region(text)


def test_names_are_different_and_sort_by_time() -> None:
    assert frame_names([0.0, 9.5, 23.0]) == ["tod_00", "tod_09.50", "tod_23"]
    close = frame_names([5.001, 5.002, 5.9, 6.0])
    assert len(set(close)) == 4
    assert close == sorted(close)
    with pytest.raises(RequestError, match="at least a millionth of an hour apart"):
        frame_names([1.5, 1.50000001])


def test_radiance_beyond_all_numbers_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    metadata, stored = take_apart((REPOSITORY / "tests" / "golden" / "daybasis-log-1.1.tod").read_bytes())
    metadata["lightmaps"][0]["model"]["exponents"][0] += 12  # logarithms times 4096
    (tmp_path / "a.tod").write_bytes(put_together(metadata, stored))
    assert main([str(tmp_path / "a.tod"), "-o", str(tmp_path / "out"), "--format", "npy", "--hours", "12"]) == 0
    assert not np.isfinite(read(tmp_path / "out" / "tod_12.npy")).all()
    (line,) = [line for line in caplog.messages if "finite radiance" in line]
    assert line.endswith(": expected finite radiance, found other values at 1 of 1 hours, such as 12 h")


def test_a_level_of_many_hours_takes_no_list_of_all_its_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A few kilobytes may name a million frames."""
    metadata, stored = take_apart((REPOSITORY / "tests" / "golden" / "siren-weights-1.1.tod").read_bytes())
    metadata.pop("sha256", None)
    lightmaps = [{**metadata["lightmaps"][0], "name": f"prop {number}"} for number in range(100)]
    hours = [24 * number / 1000 for number in range(1000)]
    (tmp_path / "a.tod").write_bytes(put_together({**metadata, "lightmaps": lightmaps, "hours": hours}, stored))
    peaks = list[int]()

    def stop(*_: object) -> list[float]:
        peaks.append(tracemalloc.get_traced_memory()[1])
        raise RequestError("far enough")

    monkeypatch.setattr("todpack.decompressor.cli._decode_lightmap", stop)
    tracemalloc.start()
    try:
        assert main([str(tmp_path / "a.tod"), "-o", str(tmp_path / "out"), "-q"]) == 1
    finally:
        tracemalloc.stop()
    assert capsys.readouterr().err.endswith("error: far enough\n")
    assert peaks[0] < 8 << 20  # all paths would take 60 MB
