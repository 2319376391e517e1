"""Fixtures: the smallest archive there can be, and one larger than a block of the frame decoder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packer.micro_run import write_micro_run
from todpack.packer.gridmlp.pack import pack_run


@pytest.fixture(scope="session")
def micro_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 x 8 texels, 2 hours, under 3 kB."""
    folder = tmp_path_factory.mktemp("micro")
    pack_run(write_micro_run(folder / "run"), folder / "micro.tod")
    return folder / "micro.tod"


@pytest.fixture(scope="session")
def wide_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """131 x 71 texels with 64 hidden channels: blocks of 4096 texels end within rows."""
    folder = tmp_path_factory.mktemp("wide")
    run = write_micro_run(
        folder / "run", hours=(0.0, 6.0, 12.5), height=71, width=131, levels=(8, 16), channels=3, hidden=64, layers=2
    )
    pack_run(run, folder / "wide.tod")
    return folder / "wide.tod"
