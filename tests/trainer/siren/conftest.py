"""Runs of SIREN that training and inference are looked at by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import make_day, write_day
from todpack.cli import main
from todpack.frames import Day, read_day

OPTIONS = [
    "--family", "siren", "--latent-dim", "4", "--hidden-f1", "16", "--layers-f1", "2", "--hidden-f2", "8",
    "--epochs", "3", "--samples-per-epoch", "4096", "--batch-size", "1024", "--num-workers", "0", "--device", "cpu",
    "--quiet",
]  # fmt: skip


@pytest.fixture(scope="package")
def day_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """13 x 17 texels, 6 hours."""
    frames, valid = make_day(13, 17, 6)
    return write_day(tmp_path_factory.mktemp("siren") / "day", frames, valid)


@pytest.fixture(scope="package")
def sequence(day_folder: Path) -> Day:
    return read_day(day_folder)


@pytest.fixture(scope="package", params=["plain", "residual"])
def run(request: pytest.FixtureRequest, day_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the command line, with its exports."""
    out = tmp_path_factory.mktemp(request.param) / "run"
    residual = ["--residual-mode"] if request.param == "residual" else []
    assert main(["train", str(day_folder), "-o", str(out), *OPTIONS, *residual, "--compute-latent"]) == 0
    return out


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Callable[[list[str]], str]:
    """Runs a command that must fail by one line, and gives the line."""

    def run(arguments: list[str]) -> str:
        capsys.readouterr()
        assert main(arguments) == 1
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        return lines[0]

    return run
