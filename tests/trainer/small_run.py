"""A GridMLP that trains in a third of a second, and its log."""

from __future__ import annotations

import csv
from pathlib import Path

from todpack.frames import Day
from todpack.packer.gridmlp.config import GridMlpConfig
from todpack.trainer.progress import COLUMNS

SMALL = GridMlpConfig(
    grid_levels=(4, 8), channels_per_level=2, hidden=8, layers=1, time_harmonics=2, epochs=6,
    samples_per_epoch=8192, batch_size=1024, lr=5e-3, grid_lr=2e-2,
)  # fmt: skip


def rows_of(run: Path) -> list[dict[str, str]]:
    """The lines of log.csv."""
    with (run / "log.csv").open(newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert tuple(reader.fieldnames or ()) == COLUMNS
    return rows


def train(sequence: Day, out: Path, config: GridMlpConfig = SMALL, **options: bool) -> Path:
    """Train into `out` on the CPU."""
    from todpack.trainer.gridmlp.train import train_gridmlp

    train_gridmlp(sequence, config, out, device="cpu", quiet=True, **options)
    return out
