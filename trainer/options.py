"""Options of `todpack train` that several families share, and how a family declares its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

NEURAL: dict[str, Decorator] = {
    "preset": click.option(
        "--preset",
        type=click.Choice(["fast", "full", "ab"]),
        default="fast",
        help="fast: CPU; full: the recipe's numbers; ab: short, for comparisons.",
    ),
    "epochs": click.option(
        "--epochs", type=int, help="Passes over samples-per-epoch.  [default: from the preset, as all below]"
    ),
    "batch_size": click.option("--batch-size", type=int, help="(texel, time) pairs per step."),
    "samples_per_epoch": click.option("--samples-per-epoch", type=int, help="(texel, time) pairs per epoch."),
    "time_harmonics": click.option("--time-harmonics", type=int, help="Periods a day, as sin and cos."),
    "lr": click.option("--lr", type=float, help="Learning rate of the MLP."),
    "grad_clip": click.option("--grad-clip", type=float, help="Largest gradient norm of the MLP; 0: off."),
    "patience": click.option(
        "--patience", type=int, help="Stop after this many epochs without a better loss; 0: never."
    ),
    "residual_mode": click.option(
        "--residual-mode/--no-residual-mode",
        default=None,
        help="Learn rgb - baseline frame.  [default: on for gridmlp]",
    ),
    "baseline_time": click.option("--baseline-time", type=float, help="Hour of the baseline frame.  [default: 12]"),
    "seed": click.option("--seed", type=int, help="Of initialisation and sampling.  [default: 0]"),
    "device": click.option(
        "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where to train."
    ),
    "amp": click.option("--amp/--no-amp", default=False, help="bfloat16 autocast."),
    "threads": click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: torch's]"),
    "num_workers": click.option(
        "--num-workers", type=click.IntRange(0), default=0, help="Accepted for the recipe's sake; no loader is needed."
    ),
    "temporal_loss": click.option(
        "--temporal-loss",
        is_flag=True,
        default=None,
        help="Count changes of the error from hour to hour; weight 0.05 -> 0.2.",
    ),
    "loss_ssim_w": click.option(
        "--loss-ssim-w", type=float, help="Weight of 1 - SSIM.  [default: 0; 0.2 on patches of gridmlp]"
    ),
    "loss_lpips_w": click.option(
        "--loss-lpips-w", type=float, help="Weight of LPIPS on patches; needs its weights.  [default: 0, off]"
    ),
    "lpips_freq": click.option(
        "--lpips-freq", type=int, help="LPIPS every so many steps (gridmlp: 4) or sweeps (daybasis: 2)."
    ),
    "resume": click.option("--resume", is_flag=True, help="Continue the run in --out-dir where it stopped."),
}


def shared(*names: str) -> dict[str, Decorator]:
    """Some of the shared options, by name."""
    return {name: NEURAL[name] for name in names}


def integers(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Callback for a list of integers such as 16,32,64."""
    if value is None:
        return None
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(
            f"expected sizes separated by commas, such as 16,32,64,128, found {value!r}"
        ) from error
