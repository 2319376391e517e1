"""`todpack train --family gridmlp`: its options and what it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from todpack.frames import Day

from .. import neural_command
from ..options import Decorator, integers, shared
from .options import SWITCHES

OPTIONS: dict[str, Decorator] = {
    **shared("preset", "epochs", "batch_size", "samples_per_epoch", "time_harmonics", "lr", "grad_clip", "patience"),
    **shared("seed", "device", "amp", "threads", "num_workers", "resume", "residual_mode", "baseline_time"),
    "hidden": click.option("--hidden", type=int, help="Width of the hidden layers."),
    "layers": click.option("--layers", type=int, help="Number of hidden layers."),
    "grid_levels": click.option(
        "--grid-levels", callback=integers, help="Grid sizes along the longer side, e.g. 16,32,64,128."
    ),
    "channels_per_level": click.option("--channels-per-level", type=int, help="Features per grid node."),
    "grid_lr": click.option("--grid-lr", type=float, help="Learning rate of the grids; 0 means 5 x lr."),
    **SWITCHES,
}


def train(read: Callable[[], Day], out_dir: Path, values: dict[str, Any]) -> None:
    """Train a GridMLP and write the run folder.

    Args:
        read: Gives the day, warnings already said.
        out_dir: Run folder.
        values: Options given or with a default, by name.

    Raises:
        TodpackError: see its kinds.
    """
    from .config import PRESETS, GridMlpConfig

    switches = {"amp": values["amp"], "init_from": values.get("init_from")}
    neural_command.train("gridmlp", GridMlpConfig, PRESETS, read, out_dir, values, switches)
