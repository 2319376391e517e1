"""`todpack`: help, exit codes, one line for each error, and names of options as the recipe's users type them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.contest_data import make_radiance, write_dataset
from todpack.cli import COMMANDS, main
from todpack.decompressor import open_archive

ROOT = Path(__file__).resolve().parents[1]


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_help_lists_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "Examples:" in out
    for name in COMMANDS:
        assert f"  {name} " in out


@pytest.mark.parametrize(
    "command",
    [["train"], ["pack"], ["inspect"], ["decompress"], ["eval"], ["submit"], ["submit", "build"], ["submit", "check"]],
    ids=" ".join,
)
def test_each_command_has_help_with_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    out = capsys.readouterr().out
    assert "xamples:" in out
    assert " ".join(command) in out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("todpack, version ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["--nonsense"],
        ["train"],
        ["train", "day"],
        ["train", "day", "--data-dir", "day", "-o", "run"],
        ["train", "day", "-o", "run", "--epochs", "many"],
        ["train", "day", "-o", "run", "--grid-levels", "16,x"],
        ["train", "day", "-o", "run", "--family", "nerf"],
        ["pack"],
        ["pack", "run"],
        ["pack", "run", "-o", "a.tod", "--mlp-dtype", "bf16"],
        ["inspect"],
        ["decompress"],
        ["decompress", "a.tod"],
        ["decompress", "a.tod", "-o", "x", "--format", "bmp"],
        ["decompress", "a.tod", "-o", "x", "--threads", "two"],
        ["submit", "build"],
        ["submit", "check", "folder"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert "rror" in captured.err or "Usage" in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "{tmp}/gone", "-o", "{tmp}/run"], "gone: expected a folder of frames"),
        (["train", "{tmp}", "-o", "{tmp}/run"], "found none in it"),
        (["train", "{day}", "-o", "{tmp}/run", "--mask", "{tmp}/no.png"], "expected a mask image, found nothing there"),
        (
            ["train", "{day}", "-o", "{tmp}/run", "--family", "gridmlp", "--lr", "7"],
            "--lr: expected a number in (0, 1]",
        ),
        (
            ["train", "{day}", "-o", "{tmp}/run", "--family", "gridmlp", "--resume", "--overwrite"],
            "--resume, --overwrite: expected one of them, found both",
        ),
        (["pack", "{tmp}", "-o", "{tmp}/a.tod"], "expected a run folder with config.json"),
        (["inspect", "{tmp}/gone.tod"], "gone.tod: cannot be opened: No such file"),
        (["inspect", "{day}/tod_00.png"], "expected a todpack archive, found other content"),
        (["inspect", "{archive}", "--image", "{tmp}/no/x.png"], "cannot be written"),
        (["inspect", "{archive}", "--image", "{tmp}/x.jpg"], "expected a name that ends in .png"),
        (["decompress", "{tmp}/gone.tod", "-o", "{tmp}/x"], "gone.tod: cannot be opened"),
        (["submit", "build", "{tmp}/gone.tod", "-o", "{tmp}/x"], "gone.tod: cannot be opened"),
        (["submit", "check", "{tmp}", "--data", "{day}", "--no-lpips"], "expected a submission with manifest.json"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_errors_are_one_line_and_1(
    arguments: list[str],
    words: str,
    tiny_day: Path,
    tiny_archive: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = {"tmp": tmp_path, "day": tiny_day, "archive": tiny_archive}
    assert main([a.format(**values) for a in arguments]) == 1
    line = error_line(capsys)
    assert line.startswith("todpack: error: ")
    assert words in line


def test_underscores_in_option_names(tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "train", "--data_dir", str(tiny_day), "--out_dir", str(tmp_path / "run"), "--family", "gridmlp",
        "--grid_levels", "4", "--channels_per_level", "1", "--hidden", "4", "--layers", "1", "--time_harmonics", "1",
        "--epochs", "1", "--samples_per_epoch", "2400", "--batch_size", "2400", "--no_residual_mode", "--grid_lr",
        "0.01", "--baseline_time", "6", "--device", "cpu", "--quiet",
    ]  # fmt: skip
    assert main(arguments) == 0
    assert "1 epochs" in capsys.readouterr().out
    out = tmp_path / "a.tod"
    packing = ["--grid_dtype", "uint16", "--mlp_dtype", "fp32", "--baseline_q_step", "1"]
    assert main(["pack", str(tmp_path / "run"), "-o", str(out), *packing]) == 0
    assert str(out.stat().st_size) in capsys.readouterr().out
    with open_archive(out, provider="cpu") as archive:
        model = archive.metadata["lightmaps"][0]["model"]
    assert (model["residual_mode"], model["quant"]["dtype"], model["mlp"]["dtype"]) == (False, "uint16", "fp32")


def test_inspect(tiny_archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tiny_archive), "--image", str(tmp_path / "noon.png"), "--time", "6"]) == 0
    out = capsys.readouterr().out
    for words in (f"{tiny_archive.stat().st_size} bytes", "gridmlp", "72 x 64", "0/frame.onnx", "uint8", "24 hours"):
        assert words in out
    with open_archive(tiny_archive, provider="cpu") as archive:
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "noon.png")), archive.decode(6.0))


def test_process_has_no_traceback(tmp_path: Path) -> None:
    """Through the console script, as a user sees it."""
    (tmp_path / "a.tod").write_bytes(b"\x89TOD\r\n\x1a\n" + bytes(50))
    script = Path(sys.executable).with_name("todpack")
    done = subprocess.run(
        [script, "inspect", str(tmp_path / "a.tod")], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("todpack: error: ")


def test_a_number_of_hundreds_of_digits_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(ROOT / "samples" / "contest")
    assert main(["tune", data, "-o", str(tmp_path / "t.json"), "--no-lpips", "--dry-run", "--jobs", "9" * 400]) == 1
    assert error_line(capsys).startswith("todpack: error: a number is too large: ")


def test_module_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "todpack", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage: todpack" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "words",
    [
        "inspect ARCHIVE --image OUT",
        "decompress --help",
        pytest.param("nerf memory --sizes 1 --json-out OUT", marks=pytest.mark.thorough),
    ],
)
def test_a_full_standard_output_is_one_line_and_files_are_written(
    words: str, tiny_archive: Path, tmp_path: Path
) -> None:
    out = tmp_path / ("noon.png" if "--image" in words else "figures.json")
    words = words.replace("ARCHIVE", str(tiny_archive)).replace("OUT", str(out))
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "todpack", *words.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "todpack: error: standard output cannot be written: No space left on device\n"
    assert out.is_file() is (str(out) in words)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_the_work_goes_on_where_standard_error_is_full(tmp_path: Path) -> None:
    write_dataset(tmp_path / "set", {("L_A", 0): make_radiance(8, 8)})
    words = ["submit", "build", "--layout", "contest", str(tmp_path / "set"), "-o", str(tmp_path / "team")]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "todpack", *words], stdout=subprocess.DEVNULL, stderr=full, check=False
        )
    assert done.returncode == 0
    assert (tmp_path / "team" / "Interface.py").is_file()


def test_a_tree_that_cannot_be_copied_is_one_reason(tmp_path: Path) -> None:
    from todpack.cli import _system_error

    (tmp_path / "a").mkdir()
    for name in ("b", "c"):
        (tmp_path / "a" / name).write_text("")

    def full(_source: str, _target: str) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(shutil.Error) as caught:
        shutil.copytree(tmp_path / "a", tmp_path / "d", copy_function=full)
    said = _system_error(caught.value)
    assert said.startswith(str(tmp_path / "d"))
    assert said.endswith(": cannot be written: [Errno 28] No space left on device")
    assert said.count("Errno") == 1


@pytest.mark.skipif(os.name != "posix", reason="the current folder cannot be removed elsewhere")
def test_a_current_folder_that_is_gone_is_named(tiny_day: Path, tmp_path: Path) -> None:
    code = "import os, sys; os.rmdir(os.getcwd()); from todpack.cli import main; sys.exit(main())"
    (tmp_path / "gone").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, "compress", str(tiny_day), "-o", "x.tod"],
        cwd=tmp_path / "gone",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "todpack: error: the current folder: No such file or directory\n"
