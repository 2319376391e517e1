"""The switches of `todpack train --family gridmlp`; GridMlpConfig has their meaning and defaults."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import Decorator, integers, shared


def _hours(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    if value is None:
        return None
    try:
        return tuple(float(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"expected hours separated by commas, such as 3,9.5, found {value!r}") from error


SWITCHES: dict[str, Decorator] = {
    **shared("temporal_loss", "loss_ssim_w", "loss_lpips_w", "lpips_freq"),
    "init_from": click.option(
        "--init-from", type=click.Path(path_type=Path), help="Run folder whose weights to start from."
    ),
    "hash_top_levels": click.option(
        "--hash-top-levels", type=int, help="Top levels that are hash grids.  [default: 0]"
    ),
    "hash_capacity": click.option("--hash-capacity", type=int, help="Entries of each hash grid.  [default: 4096]"),
    "hash_merge": click.option(
        "--hash-merge", type=click.Choice(["mean", "learned"]), help="How nodes share entries.  [default: mean]"
    ),
    "hash_seed": click.option("--hash-seed", type=int, help="Of the hash; stored.  [default: 0]"),
    "hash_epochs": click.option("--hash-epochs", type=int, help="First epochs, hash grids alone.  [default: 5]"),
    "qat": click.option("--qat", is_flag=True, default=None, help="Fine-tune with fake quantization after training."),
    "qat_epochs": click.option("--qat-epochs", type=int, help="Epochs of it.  [default: 10]"),
    "qat_levels": click.option("--qat-levels", callback=integers, help="Levels it quantizes.  [default: all]"),
    "qat_mlp": click.option(
        "--qat-mlp", type=click.Choice(["int8", "fp16", "off"]), help="The MLP in it.  [default: int8]"
    ),
    "ptq": click.option(
        "--ptq",
        type=click.Choice(["off", "minmax", "percentile"]),
        help="Ranges of the grids after training; percentile: the best on validation frames.  [default: off]",
    ),
    "temporal_w_start": click.option("--temporal-w-start", type=float, help="First weight of it.  [default: 0.05]"),
    "temporal_w": click.option("--temporal-w", type=float, help="Weight of it from half-time on.  [default: 0.2]"),
    "temporal_lpips_w": click.option("--temporal-lpips-w", type=float, help="LPIPS of the changes.  [default: 0]"),
    "patch_size": click.option("--patch-size", type=int, help="Train on patches of 16 or 32; 0: texels.  [default: 0]"),
    "use_baseline_encoder": click.option(
        "--use-baseline-encoder", is_flag=True, default=None, help="Latents from a CNN over the baseline frame."
    ),
    "be_channels": click.option("--be-channels", type=int, help="Channels of them, 8..32.  [default: 8]"),
    "be_downsample": click.option("--be-downsample", type=int, help="Texels per latent, 1..16.  [default: 4]"),
    "film": click.option("--film", is_flag=True, default=None, help="Time modulates the layers."),
    "film_width": click.option("--film-width", type=int, help="Width of its time embedding.  [default: 16]"),
    "val_hours": click.option("--val-hours", callback=_hours, help="Stored hours to hold out and measure, e.g. 3,9."),
    "val_downsample": click.option("--val-downsample", type=int, help="Every so many rows and columns.  [default: 1]"),
}
