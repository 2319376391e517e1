"""`todpack train --family daybasis`: its options and what it runs."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from todpack.decompressor.errors import needs
from todpack.frames import Day
from todpack.packer.configuration import click_options, option_values
from todpack.packer.daybasis.config import LINEAR_STEP, DayBasisConfig
from todpack.packer.daybasis.refine.config import PRESETS, RefineConfig
from todpack.packer.daybasis.refine.refiner import Refiner, refiner
from todpack.packer.errors import ConfigError
from todpack.packer.family import Family

from ..neural.command import RESUME

log = logging.getLogger("todpack.train")
TEMPORAL_WEIGHT = 0.2
TERMS = ("temporal_loss", *(option.name for option in click_options(RefineConfig)))


def _refiner(values: dict[str, Any]) -> Refiner | None:
    """What the options ask for; None: no refinement."""
    found = refiner(values.get("refine"), None, log.warning)
    asked = [name for name in TERMS if name is not None and values.get(name)]
    if found is None:
        if asked:
            raise ConfigError(f"--{asked[0].replace('_', '-')}: a term of the refinement, found --refine none")
        return None
    changes = option_values(RefineConfig, values)
    if values.get("temporal_loss"):
        changes["temporal_weight"] = TEMPORAL_WEIGHT
    return dataclasses.replace(found, config=dataclasses.replace(found.config, **changes))


def train(read: Callable[[], Day], out_dir: Path, values: dict[str, Any]) -> None:
    """Find the transform of a day, refine its codes, and write the run folder.

    Args:
        read: Gives the day, warnings already said.
        out_dir: Run folder.
        values: Options given or with a default, by name.

    Raises:
        TodpackError: its message says what was expected.
    """
    if values["resume"] and values["overwrite"]:
        raise ConfigError("--resume, --overwrite: expected one of them, found both")
    with needs("pack", "daybasis"):
        from .train import train_daybasis
    config = DayBasisConfig(**option_values(DayBasisConfig, values))
    refine = _refiner(values)
    switches = {name: values[name] for name in ("resume", "overwrite", "quiet")}
    day = read()
    if "transfer" in values and day.transfer == "srgb8":
        raise ConfigError("--transfer: an option of linear radiance, found 8-bit frames")
    if "q_step" not in values and day.transfer == "linear":
        config = dataclasses.replace(config, q_step=LINEAR_STEP)
    record = train_daybasis(day, config, out_dir, refine=refine, **switches)
    figures = record.figures
    of = "before rounding" if record.transfer == "srgb8" else "in the domain that is coded"
    estimate = f"about {figures['psnr_estimate_db']:.2f} dB {of}" if refine else ""
    refined = f", refined to {estimate} in {figures['sweeps']} sweeps" if refine else ""
    click.echo(
        f"{out_dir}: daybasis {record.width} x {record.height} x {len(record.hours)}, K = "
        f"{figures['n_components']}{refined}, {figures['train_seconds']:.1f} s"
    )


REFINE = click.Option(
    ["--refine"],
    type=click.Choice(["none", *PRESETS]),
    help="Descent over the codes: about 10 % fewer bytes.  [default: fast where its kernels were built]",
)
TEMPORAL_LOSS = click.Option(
    ["--temporal-loss/--no-temporal-loss"], default=None, help="Count changes of the error from hour to hour."
)
DEFAULTS = {"q_step": f"16, linear: {LINEAR_STEP}"}
# reweighting is of packing
TRANSFORM = [option for option in click_options(DayBasisConfig, DEFAULTS) if option.name != "reweight"]
OPTIONS = (*TRANSFORM, REFINE, TEMPORAL_LOSS, *click_options(RefineConfig), RESUME)
DAYBASIS = Family("daybasis", OPTIONS, train)
