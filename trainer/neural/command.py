"""The body of `todpack train` for the families that are trained by gradient descent, and the options they share."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from todpack.decompressor.errors import needs
from todpack.decompressor.pool import MOST_THREADS
from todpack.frames import Day
from todpack.packer.configuration import click_options, from_json, option_values
from todpack.packer.errors import ConfigError
from todpack.packer.neural_config import NeuralConfig
from todpack.packer.run_folder import RunRecord

from ..presets import defaults_of, load_preset

log = logging.getLogger("todpack.train")

DEVICE = click.Option(["--device"], type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where to train.")
RESUME = click.Option(["--resume"], is_flag=True, help="Continue the run in --out-dir where it stopped.")
SHARED = (
    click.Option(
        ["--preset"], type=click.Choice(["fast", "full", "ab", "rd"]), default="fast",
        help="fast: CPU; full: the recipe's numbers; ab: short, for comparisons; rd: gridmlp under daybasis' coder.",
    ),
    DEVICE,
    click.Option(["--threads"], type=click.IntRange(1, MOST_THREADS), help="CPU threads.  [default: torch's]"),
    click.Option(["--num-workers"], type=click.IntRange(0), default=0, help="Not used: no loader is needed."),
    RESUME,
)  # fmt: skip


def neural_options(family: str, kind: type[NeuralConfig]) -> list[click.Option]:
    """Options of a family: the shared ones, and the fields of its configuration."""
    return [*SHARED, *click_options(kind, defaults_of(family, "fast"))]


def train(
    family: str,
    kind: type[NeuralConfig],
    load: Callable[[], Callable[..., RunRecord]],
    read: Callable[[], Day],
    out_dir: Path,
    values: dict[str, Any],
    **switches: Any,
) -> None:
    """Resolve the configuration, read the day, train, and say what came out.

    Args:
        family: Its name.
        kind: Its configuration.
        load: Imports what trains: a function of (day, configuration, folder, ...), see `run.train_run`.
        read: Gives the day, warnings already said.
        out_dir: Run folder.
        values: Options given or with a default, by name.
        switches: Arguments of this family alone.

    Raises:
        TodpackError: its message says what was expected.
    """
    config = from_json(kind, {**load_preset(family, values["preset"]), **option_values(kind, values)})
    if values["resume"] and values["overwrite"]:
        raise ConfigError("--resume, --overwrite: expected one of them, found both")
    day = read()
    if values["num_workers"]:
        log.warning("--num-workers %d: not used; batches are indexed from tensors in memory", values["num_workers"])
    with needs("train", family):
        import torch

        train_family = load()
    if "threads" in values:
        torch.set_num_threads(values["threads"])
    shared = {name: values[name] for name in ("device", "resume", "overwrite", "quiet")}
    record = train_family(day, config, out_dir, **shared, **switches)
    figures = record.figures
    click.echo(
        f"{out_dir}: {family} {record.width} x {record.height} x {len(record.hours)}, "
        f"{figures['parameters']} parameters, {figures['psnr_srgb_db']:.2f} dB before quantization, "
        f"{figures['epochs']} epochs in {figures['train_seconds']:.0f} s"
    )
