"""`todpack train --family siren`: its options and what it runs."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from trainer.data import LightmapSequence
from trainer.errors import ConfigError
from trainer.gridmlp.command import OPTIONS as GRIDMLP_OPTIONS
from trainer.options import Decorator, shared

log = logging.getLogger("todpack.train")

OPTIONS: dict[str, Decorator] = {
    **shared("preset", "epochs", "batch_size", "samples_per_epoch", "time_harmonics", "lr", "grad_clip"),
    **shared("seed", "device", "threads", "num_workers", "resume"),
    **{name: GRIDMLP_OPTIONS[name] for name in ("residual_mode", "baseline_time")},
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


def train(read: Callable[[], LightmapSequence], out_dir: Path, values: dict[str, Any]) -> None:
    """Train a SIREN and write the run folder.

    Args:
        read: Gives the day, warnings already said.
        out_dir: Run folder.
        values: Options given or with a default, by name.

    Raises:
        TrainerError: see its kinds.
    """
    from trainer.gridmlp.config import load_preset
    from trainer.siren.config import PRESETS, SirenConfig

    known = {field.name for field in dataclasses.fields(SirenConfig)}
    preset = load_preset(values["preset"], "siren", PRESETS)
    config = SirenConfig.from_json({**preset, **{k: v for k, v in values.items() if k in known}})
    if values["resume"] and values["overwrite"]:
        raise ConfigError("--resume, --overwrite: expected one of them, found both")
    sequence = read()
    if values["num_workers"]:
        log.warning("--num-workers %d: not used; batches are indexed from tensors in memory", values["num_workers"])
    try:
        import torch

        from trainer.siren.train import train_siren
    except ModuleNotFoundError as error:
        raise ConfigError(f"siren needs {error.name}: pip install 'todpack[train]'") from error
    if "threads" in values:
        torch.set_num_threads(values["threads"])
    switches = {name: values[name] for name in ("device", "resume", "overwrite", "quiet")}
    record = train_siren(
        sequence, config, out_dir, **switches, compute_latent=bool(values.get("compute_latent", False))
    )
    figures = record.figures
    click.echo(
        f"{out_dir}: siren {record.width} x {record.height} x {len(record.hours)}, "
        f"{figures['parameters']} parameters, {figures['psnr_srgb_db']:.2f} dB before quantization, "
        f"{figures['epochs']} epochs in {figures['train_seconds']:.0f} s"
    )
