"""Small archives to export: 8-bit and linear ones of the golden files, and one with a mask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from todpack.export_command import export

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


@pytest.fixture(scope="session")
def small_archive(tiny_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An 8-bit archive of 72 x 64 (width x height) with a mask, at 24 hours."""
    import todpack

    path = tmp_path_factory.mktemp("export") / "small.tod"
    todpack.compress(tiny_day, path, q_step=8.0)
    return path


@pytest.fixture
def exported(tmp_path: Path) -> Callable[..., Path]:
    """exported(archive, "--profile", "sample", ...) -> the folder."""

    def run(archive: Path, *arguments: str, name: str = "out") -> Path:
        out = tmp_path / name
        result = CliRunner().invoke(export, [str(archive), "-o", str(out), *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return out

    return run
