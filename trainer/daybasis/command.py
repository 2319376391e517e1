"""`todpack train --family daybasis`: its options and what it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from todpack.frames import Day
from todpack.packer.errors import ConfigError

from ..options import Decorator, shared

if TYPE_CHECKING:
    from .config import RefineConfig

TEMPORAL_WEIGHT = 0.2

CLOSED_FORM: dict[str, Decorator] = {
    "q_step": click.option("--q-step", type=float, help="Quantizer step the basis is made for.  [default: 16]"),
    "tile": click.option("--tile", type=int, help="Side of the independent tiles.  [default: 512]"),
    "n_levels": click.option("--levels", "n_levels", type=int, help="Levels of the wavelet pyramid.  [default: 5]"),
    "transfer": click.option("--transfer", help="Domain of linear radiance: gamma, linear or log.  [default: gamma]"),
    "rotate": click.option("--rotate/--no-rotate", default=None, help="Find the sparse rotation.  [default: rotate]"),
    "max_classes": click.option("--max-classes", type=int, help="Regional rotations at most; 1: none.  [default: 12]"),
}
OPTIONS: dict[str, Decorator] = {
    **CLOSED_FORM,
    "refine": click.option(
        "--refine",
        type=click.Choice(["none", "fast", "full"]),
        default="fast",
        help="Descent over the codes: about 10 % fewer bytes; none needs no torch.",
    ),
    "equal_db": click.option("--equal-db", is_flag=True, help="Weigh the hours by their errors, towards one PSNR."),
    **shared("temporal_loss", "loss_ssim_w", "loss_lpips_w", "lpips_freq", "seed", "device", "resume"),
}
TERMS = ("equal_db", "lpips_freq", "temporal_loss", "loss_ssim_w", "loss_lpips_w", "seed")


def _refine_config(values: dict[str, Any]) -> RefineConfig | None:
    """What the options ask for; None: no refinement."""
    if values["refine"] == "none":
        asked = [name for name in TERMS if values.get(name)]
        if asked:
            raise ConfigError(f"--{asked[0].replace('_', '-')}: a term of the refinement, found --refine none")
        return None
    from .config import PRESETS

    changes: dict[str, Any] = {name: values[name] for name in ("equal_db", "seed") if name in values}
    if values.get("temporal_loss"):
        changes["temporal_weight"] = TEMPORAL_WEIGHT
    for name, option in (
        ("ssim_weight", "loss_ssim_w"),
        ("lpips_weight", "loss_lpips_w"),
        ("lpips_every", "lpips_freq"),
    ):
        if option in values:
            changes[name] = values[option]
    return dataclasses.replace(PRESETS[values["refine"]], **changes)


def train(read: Callable[[], Day], out_dir: Path, values: dict[str, Any]) -> None:
    """Find the transform of a day, refine its codes, and write the run folder.

    Args:
        read: Gives the day, warnings already said.
        out_dir: Run folder.
        values: Options given or with a default, by name.

    Raises:
        TodpackError: see its kinds.
    """
    if values["resume"] and values["overwrite"]:
        raise ConfigError("--resume, --overwrite: expected one of them, found both")
    try:
        from todpack.packer.daybasis.config import DayBasisConfig

        from .train import train_daybasis
    except ModuleNotFoundError as error:
        raise ConfigError(f"daybasis needs {error.name}: pip install 'todpack[pack]'") from error
    config = DayBasisConfig(**{k: v for k, v in values.items() if k in CLOSED_FORM})
    refine = _refine_config(values)
    switches = {name: values[name] for name in ("device", "resume", "overwrite", "quiet")}
    sequence = read()
    if "transfer" in values and sequence.transfer == "srgb8":
        raise ConfigError("--transfer: an option of linear radiance, found 8-bit frames")
    record = train_daybasis(sequence, config, out_dir, refine=refine, **switches)
    figures = record.figures
    refined = f", refined to {figures['psnr_srgb_db']:.2f} dB in {figures['sweeps']} sweeps" if refine else ""
    click.echo(
        f"{out_dir}: daybasis {record.width} x {record.height} x {len(record.hours)}, K = "
        f"{figures['n_components']}{refined}, {figures['train_seconds']:.1f} s"
    )
