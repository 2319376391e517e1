"""`todpack train --family siren`: its options and what it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from todpack.frames import Day

from .. import neural_command
from ..options import Decorator, shared

OPTIONS: dict[str, Decorator] = {
    **shared("preset", "epochs", "batch_size", "samples_per_epoch", "time_harmonics", "lr", "grad_clip"),
    **shared("seed", "device", "threads", "num_workers", "resume", "residual_mode", "baseline_time"),
    "latent_dim": click.option("--latent-dim", type=int, help="Channels of the latent map, such as 16 or 32."),
    "hidden_f1": click.option("--hidden-f1", type=int, help="Width of the sine layers of F1."),
    "layers_f1": click.option("--layers-f1", type=int, help="Number of sine layers of F1."),
    "omega_0": click.option("--omega-0", "omega_0", type=float, help="Factor inside of the sines.  [default: 30]"),
    "hidden_f2": click.option("--hidden-f2", type=int, help="Width of the hidden layers of F2."),
    "layers_f2": click.option("--layers-f2", type=int, help="Number of hidden layers of F2."),
    "lr_f1": click.option("--lr-f1", type=float, help="Learning rate of F1; 0: the same as lr."),
    "baseline_q_step": click.option(
        "--baseline-q-step", type=int, help="Bin width of the baseline in codes; 1: lossless.  [default: 4]"
    ),
    "compute_latent": click.option(
        "--compute-latent", is_flag=True, default=None, help="Also write exports/ as `todpack export-latent` does."
    ),
}


def train(read: Callable[[], Day], out_dir: Path, values: dict[str, Any]) -> None:
    """Train a SIREN and write the run folder.

    Args:
        read: Gives the day, warnings already said.
        out_dir: Run folder.
        values: Options given or with a default, by name.

    Raises:
        TodpackError: see its kinds.
    """
    from .config import PRESETS, SirenConfig

    switches = {"compute_latent": bool(values.get("compute_latent", False))}
    neural_command.train("siren", SirenConfig, PRESETS, read, out_dir, values, switches)
