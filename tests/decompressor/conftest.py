"""Fixtures: the smallest archive there can be, one larger than a block of the frame decoder, and one of tiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packer.micro_run import write_micro_run
from todpack.frames import read_day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day
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


@pytest.fixture(scope="session")
def tiled(tiny_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """72 x 64 texels in tiles of 32: 2 rows of 3."""
    path = tmp_path_factory.mktemp("tiled") / "tiled.tod"
    config = DayBasisConfig(q_step=24.0, tile=32, n_levels=2, max_classes=1)
    encode_day(read_day(tiny_day), config, DayBasisPackOptions(entropy="zstd")).write(path)
    return path
