"""`todpack eval ...`: what goes to stdout and stderr, and the exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todpack import compress
from todpack.cli import main


@pytest.fixture
def small_day(tmp_path: Path) -> Path:
    """Three 32 x 32 frames of noise."""
    folder = tmp_path / "frames"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for t in range(3):
        Image.fromarray(rng.integers(60, 200, (32, 32, 3)).astype(np.uint8)).save(folder / f"tod_{t:02d}.png")
    return folder


@pytest.mark.parametrize("command", [[], ["score"], ["latency"], ["peers"]])
def test_help_has_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", *command, "--help"]) == 0
    assert "Examples:" in capsys.readouterr().out


def test_score_json_holds_nothing_but_json(
    tiny_archive: Path, tiny_day: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "score", str(tiny_archive), "--data", str(tiny_day), "--no-lpips", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["lpips"] is None
    assert report["lpips_absent"] == "switched off by --no-lpips"
    assert report["archive_bytes"] == tiny_archive.stat().st_size
    assert len(report["per_hour"]) == report["frames"]


def test_score_says_that_the_archive_has_another_mask(
    small_day: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    half = np.zeros((32, 32), np.uint8)
    half[:16] = 255
    Image.fromarray(half).save(tmp_path / "half.png")
    archive = tmp_path / "half.tod"
    compress(small_day, archive, valid=tmp_path / "half.png")
    line = "frames: the 1024 valid texels of the originals are scored, which are not the 512 of the archive"
    for words, is_said in (([], True), (["--mask", str(tmp_path / "half.png")], False)):
        assert main(["eval", "score", str(archive), "--data", str(small_day), "--no-lpips", *words]) == 0
        assert (line in caplog.text) == is_said
        caplog.clear()


def test_score_says_that_the_archive_is_of_other_times(
    small_day: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Frames half an hour off are scored against those between; fewer frames against the bytes of all."""
    archive = tmp_path / "three.tod"
    compress(small_day, archive)
    (tmp_path / "two").mkdir()
    for name in ("tod_00.png", "tod_02.png"):
        (tmp_path / "two" / name).write_bytes((small_day / name).read_bytes())
    off = "frames: 3 of the 3 originals are at times that the archive does not hold, such as 0.5 h"
    fewer = "two: 2 of the 3 times of the archive are scored; bits and ratios count the bytes of all"
    for data, words, line in (
        (small_day, ["--first-hour", "0.5"], off),
        (tmp_path / "two", ["--hours", "0,16"], fewer),
        (tmp_path / "two", ["--hours", "0,15"], fewer.replace("2 of", "1 of")),
        (small_day, [], ""),
    ):
        assert main(["eval", "score", str(archive), "--data", str(data), "--no-lpips", *words]) == 0
        assert line in caplog.text
        assert ("of the archive" in caplog.text or "that the archive" in caplog.text) == bool(line)
        caplog.clear()


def test_score_says_loudly_that_lpips_is_absent(
    tiny_archive: Path,
    tiny_day: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = str(tmp_path / "gone.pth")
    monkeypatch.setenv("LPIPS_ALEXNET", missing)
    assert main(["eval", "score", str(tiny_archive), "--data", str(tiny_day)]) == 0
    captured = capsys.readouterr()
    assert f"LPIPS is absent: LPIPS_ALEXNET names {missing}" in captured.err
    assert f"LPIPS absent:   LPIPS_ALEXNET names {missing}" in captured.out


def test_named_weights_that_are_missing_are_an_error(
    tiny_archive: Path, tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "gone.pth")
    assert main(["eval", "score", str(tiny_archive), "--data", str(tiny_day), "--lpips-weights", missing]) == 1
    assert f"todpack: error: --lpips-weights names {missing}, which is not a file" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["score", "--no-lpips", "--data"], ["latency", "--opens", "1"]])
@pytest.mark.thorough
def test_neither_torch_nor_scipy_is_loaded(tiny_archive: Path, tiny_day: Path, arguments: list[str]) -> None:
    """In a fresh process, through the very command."""
    program = (
        "import sys\n"
        "from todpack.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "loaded = {'torch', 'lpips', 'scipy', 'skimage', 'onnx', 'av'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "sys.exit(code)\n"
    )
    data = [str(tiny_day)] if arguments[-1] == "--data" else []
    done = subprocess.run(
        [sys.executable, "-c", program, "eval", *arguments, *data, str(tiny_archive)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_latency_json(tiny_archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--opens", "1", "--frames", "2", "--texels", "2", "--threads", "1", "--provider", "cpu", "--json"]
    assert main(["eval", "latency", str(tiny_archive), *arguments]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["threads"] == 1
    assert report["frame_ms_median"] > 0.0


def test_peers_json(small_day: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("imagecodecs", reason="imagecodecs is not installed (pip install todpack[peers])")
    assert (
        main(
            [
                "eval",
                "peers",
                str(small_day),
                "--crf",
                "",
                "--distance",
                "0.5,2",
                "--psnr",
                "10",
                "--json",
                "--peers",
                "x265,jpegxl",
                "--no-lpips",
            ]
        )
        == 0
    )
    report = json.loads(capsys.readouterr().out)
    assert [point["setting"] for point in report["points"]] == ["distance 0.5", "distance 2"]
    assert report["bytes_at_psnr"] == [{"psnr_srgb_db": 10.0, "jpegxl": None}]


def test_errors_are_one_line(tmp_path: Path, tiny_archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "peers", str(tmp_path / "gone")]) == 1
    assert main(["eval", "score", str(tmp_path / "gone.tod"), "--data", str(tmp_path), "--no-lpips"]) == 1
    assert main(["eval", "score", str(tiny_archive), "--data", str(tmp_path), "--no-lpips"]) == 1
    assert main(["eval", "latency", str(tmp_path / "gone.tod"), "--opens", "1"]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 4
    assert all(line.startswith("todpack: error: ") for line in lines)


def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "peers", "frames", "--crf", "12,x"]) == 2
    assert main(["eval", "peers", "frames", "--psnr", "nan"]) == 2
    assert main(["eval", "latency", "scene.tod", "--threads", "0"]) == 2
    captured = capsys.readouterr().err
    assert "separated by commas" in captured
    assert "expected finite numbers, found 'nan'" in captured


def test_bench_refuses_a_place_that_it_cannot_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["eval", "bench", str(tmp_path), "--results", str(tmp_path / "file" / "bench.json")]) == 1
    assert main(["eval", "bench", str(tmp_path), "--results", str(tmp_path)]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert [line.startswith("todpack: error: ") for line in lines] == [True, True]
    assert "bench.json" in lines[0] or "file: expected a folder" in lines[0]


def test_module_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "todpack", "eval", "peers", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "todpack eval peers" in done.stdout
