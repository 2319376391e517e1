"""`todpack train --family gridmlp`: its options and what it runs."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from trainer.data import LightmapSequence
from trainer.errors import ConfigError
from trainer.gridmlp.options import SWITCHES
from trainer.options import Decorator, integers, shared

log = logging.getLogger("todpack.train")

OPTIONS: dict[str, Decorator] = {
    **shared("preset", "epochs", "batch_size", "samples_per_epoch", "time_harmonics", "lr", "grad_clip", "patience"),
    **shared("seed", "device", "amp", "threads", "num_workers", "resume"),
    "hidden": click.option("--hidden", type=int, help="Width of the hidden layers."),
    "layers": click.option("--layers", type=int, help="Number of hidden layers."),
    "grid_levels": click.option(
        "--grid-levels", callback=integers, help="Grid sizes along the longer side, e.g. 16,32,64,128."
    ),
    "channels_per_level": click.option("--channels-per-level", type=int, help="Features per grid node."),
    "grid_lr": click.option("--grid-lr", type=float, help="Learning rate of the grids; 0 means 5 x lr."),
    "residual_mode": click.option(
        "--residual-mode/--no-residual-mode",
        default=None,
        help="Learn rgb - baseline frame.  [default: on for gridmlp]",
    ),
    "baseline_time": click.option("--baseline-time", type=float, help="Hour of the baseline frame.  [default: 12]"),
    **SWITCHES,
}


def train(read: Callable[[], LightmapSequence], out_dir: Path, values: dict[str, Any]) -> None:
    """Train a GridMLP and write the run folder.

    Args:
        read: Gives the day, warnings already said.
        out_dir: Run folder.
        values: Options given or with a default, by name.

    Raises:
        TrainerError: see its kinds.
    """
    from trainer.gridmlp.config import GridMlpConfig, load_preset

    known = {field.name for field in dataclasses.fields(GridMlpConfig)}
    config = GridMlpConfig.from_json(
        {**load_preset(values["preset"]), **{k: v for k, v in values.items() if k in known}}
    )
    if values["resume"] and values["overwrite"]:
        raise ConfigError("--resume, --overwrite: expected one of them, found both")
    sequence = read()
    if values["num_workers"]:
        log.warning("--num-workers %d: not used; batches are indexed from tensors in memory", values["num_workers"])
    try:
        import torch

        from trainer.gridmlp.train import train_gridmlp
    except ModuleNotFoundError as error:
        raise ConfigError(f"gridmlp needs {error.name}: pip install 'todpack[train]'") from error
    if "threads" in values:
        torch.set_num_threads(values["threads"])
    switches = {name: values[name] for name in ("device", "amp", "resume", "overwrite", "quiet")}
    switches["init_from"] = values.get("init_from")
    record = train_gridmlp(sequence, config, out_dir, **switches)
    figures = record.figures
    click.echo(
        f"{out_dir}: gridmlp {record.width} x {record.height} x {len(record.hours)}, "
        f"{figures['parameters']} parameters, {figures['psnr_srgb_db']:.2f} dB before quantization, "
        f"{figures['epochs']} epochs in {figures['train_seconds']:.0f} s"
    )
