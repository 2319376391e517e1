"""`todpack train` of the family daybasis: run folders, refined codes in them, interruption."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_day, write_day
from todpack.cli import main
from todpack.decompressor import open_archive

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = ["--q-step", "12", "--levels", "3", "--quiet"]


@pytest.fixture(scope="module")
def noisy_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames, valid = make_day(48, 56, 8)
    noisy = np.clip(frames + np.random.default_rng(0).normal(0, 4, frames.shape), 0, 255).astype(np.uint8)
    return write_day(tmp_path_factory.mktemp("noisy") / "day", noisy, valid)


@pytest.fixture(scope="module")
def run(noisy_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("refined") / "run"
    assert main(["train", str(noisy_day), "-o", str(out), *OPTIONS]) == 0
    return out


@pytest.mark.thorough
def test_packing_a_run_needs_no_torch_and_is_what_compress_gives(run: Path, noisy_day: Path, tmp_path: Path) -> None:
    program = "import sys\nsys.modules['torch'] = None\nfrom todpack.cli import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "pack", str(run), "-o", str(tmp_path / "packed.tod")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    direct = ["compress", str(noisy_day), "-o", str(tmp_path / "direct.tod"), "--q-step", "12", "--levels", "3"]
    assert main([*direct, "--refine", "fast"]) == 0
    assert (tmp_path / "packed.tod").read_bytes() == (tmp_path / "direct.tod").read_bytes()
    with open_archive(tmp_path / "packed.tod", provider="cpu") as archive:
        uses_smoothing = "smoothing" in archive.metadata["lightmaps"][0]["model"]
        assert archive.metadata["requires"] == [
            *(["smoothing"] if uses_smoothing else []),
            "dictionary",
            "digest",
            "adaptive",
            "packed",
        ]
        archive.decode(3.0)


def test_other_steps_are_refined_again_and_none_goes_without(run: Path, tmp_path: Path) -> None:
    sizes = {}
    for name, options in {"kept": [], "coarser": ["--q-step", "20"], "none": ["--refine", "none"]}.items():
        assert main(["pack", str(run), "-o", str(tmp_path / f"{name}.tod"), *options]) == 0
        sizes[name] = (tmp_path / f"{name}.tod").stat().st_size
    assert sizes["coarser"] < sizes["kept"] < sizes["none"]


def test_another_refinement_weighs_what_the_run_did(noisy_day: Path, tmp_path: Path) -> None:
    found: dict[str, set[bytes]] = {"fast": set(), "full": set()}
    for name, terms in {"plain": [], "equal": ["--equal-db"], "calm": ["--temporal-loss"]}.items():
        assert main(["train", str(noisy_day), "-o", str(tmp_path / name), *OPTIONS, *terms]) == 0
        for how, archives in found.items():
            out = tmp_path / f"{name}-{how}.tod"
            assert main(["pack", str(tmp_path / name), "-o", str(out), "--refine", how]) == 0
            archives.add(out.read_bytes())
    assert [len(archives) for archives in found.values()] == [3, 3]


@pytest.mark.thorough
def test_killed_training_starts_afresh_and_says_so(
    noisy_day: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-m", "todpack", "train", str(noisy_day), "-o", str(killed), *OPTIONS]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not killed.is_dir():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    caplog.set_level("INFO")
    assert not (killed / "config.json").exists()
    assert main(["train", str(noisy_day), "-o", str(killed), *OPTIONS, "--resume"]) == 0
    assert "--resume: this training keeps nothing of an unfinished run; it begins afresh" in caplog.messages
    assert main(["train", str(noisy_day), "-o", str(whole), *OPTIONS]) == 0
    assert (killed / "arrays.npz").read_bytes() == (whole / "arrays.npz").read_bytes()
    logs = [(folder / "log.csv").read_text().splitlines() for folder in (killed, whole)]
    assert logs[0] == logs[1] and 3 <= len(logs[0]) <= 10


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "already holds a run; continue it by --resume, or replace it by --overwrite"),
        (["--resume", "--overwrite"], "--resume, --overwrite: expected one of them, found both"),
        (["--overwrite", "--refine", "none", "--equal-db"], "--equal-db: a term of the refinement"),
        (["--overwrite", "--loss-ssim-w", "1"], "--loss-ssim-w: an option of family gridmlp, found --family daybasis"),
    ],
)
def test_wrong_use(
    run: Path,
    noisy_day: Path,
    tmp_path: Path,
    options: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    assert main(["train", str(noisy_day), "-o", str(copy), *OPTIONS, *options]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(lines) == 1 and said in lines[0]
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("matrix", 1e300, ": expected numbers up to "),
        ("offset", 1e300, ": expected numbers up to "),
        ("frames", 3e38, ": expected numbers up to "),
        ("frames", 256, ": expected numbers up to "),
        ("centroids", 1e300, ": expected numbers up to "),
        ("codes_0_1_0", 1 << 19, ": expected numbers up to "),
        ("centroids", -1, ": expected multiples of 1/32 in [-0.5, 0.5], found -1.0, -1.0"),
        ("smoothing", -1, ".weights: expected multiples of 1/64 in [0, 0.25], found -1.0, -1.0"),
    ],
)
def test_numbers_that_cannot_be_computed_with(
    run: Path, tmp_path: Path, name: str, value: float, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(run, changed)
    arrays = dict(np.load(run / "arrays.npz"))
    arrays[name] = np.full(arrays[name].shape, value)
    np.savez(changed / "arrays.npz", **arrays)
    assert main(["pack", str(changed), "-o", str(tmp_path / "out.tod")]) == 1
    error = capsys.readouterr().err
    assert re.search(rf"/changed/arrays\.npz(: |\.){name}{re.escape(said)}", error), error
    assert error.count("\n") == 1


def test_resume_replaces_no_run_of_another_day(noisy_day: Path, tiny_day: Path, tmp_path: Path) -> None:
    words = ["-o", str(tmp_path / "run"), "--refine", "none", "-q"]
    assert main(["train", str(noisy_day), *words]) == 0
    before = (tmp_path / "run" / "arrays.npz").read_bytes()
    assert main(["train", str(tiny_day), *words, "--resume"]) == 1
    assert (tmp_path / "run" / "arrays.npz").read_bytes() == before
    assert main(["train", str(noisy_day), *words, "--resume"]) == 0
    assert (tmp_path / "run" / "arrays.npz").read_bytes() == before
