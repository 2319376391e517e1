"""`todpack train --family gridmlp`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from todpack.frames import Day
from todpack.packer.family import Family
from todpack.packer.gridmlp.config import GridMlpConfig
from todpack.packer.run_folder import RunRecord

from ..neural import command


def _load() -> Callable[..., RunRecord]:
    from .train import train_gridmlp

    return train_gridmlp


def train(read: Callable[[], Day], out_dir: Path, values: dict[str, Any]) -> None:
    """Train a GridMLP and write the run folder; see `neural.command.train`."""
    switches = {"amp": values["amp"], "init_from": values.get("init_from")}
    command.train("gridmlp", GridMlpConfig, _load, read, out_dir, values, **switches)


OPTIONS = (
    click.Option(["--amp/--no-amp"], default=False, help="bfloat16 autocast."),
    click.Option(["--init-from"], type=click.Path(path_type=Path), help="Run folder whose weights to start from."),
)
GRIDMLP = Family("gridmlp", [*command.neural_options("gridmlp", GridMlpConfig), *OPTIONS], train)
