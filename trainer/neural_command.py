"""The body of `todpack train` for the families that are trained by gradient descent."""

from __future__ import annotations

import dataclasses
import importlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from todpack.frames import Day
from todpack.packer.errors import ConfigError

from .configuration import load_preset

log = logging.getLogger("todpack.train")


class Config(Protocol):
    """A family's configuration: a dataclass that is read from plain values."""

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Config:
        """From plain JSON or TOML values."""


Configured = TypeVar("Configured", bound=Config)


def train(
    family: str,
    kind: type[Configured],
    presets: tuple[str, ...],
    read: Callable[[], Day],
    out_dir: Path,
    values: dict[str, Any],
    switches: dict[str, Any],
) -> None:
    """Resolve the configuration, read the day, train, and say what came out.

    Args:
        family: Its `train_<family>` in `trainer.<family>.train` takes (day, configuration, folder, switches).
        kind: Its configuration.
        presets: Names of its presets.
        read: Gives the day, warnings already said.
        out_dir: Run folder.
        values: Options given or with a default, by name.
        switches: Arguments of this family alone.

    Raises:
        TodpackError: see its kinds.
    """
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    given = {name: value for name, value in values.items() if name in known}
    config = kind.from_json({**load_preset(family, values["preset"], presets), **given})
    if values["resume"] and values["overwrite"]:
        raise ConfigError("--resume, --overwrite: expected one of them, found both")
    sequence = read()
    if values["num_workers"]:
        log.warning("--num-workers %d: not used; batches are indexed from tensors in memory", values["num_workers"])
    try:
        import torch

        train_family = getattr(importlib.import_module(f"todpack.trainer.{family}.train"), f"train_{family}")
    except ModuleNotFoundError as error:
        raise ConfigError(f"{family} needs {error.name}: pip install 'todpack[train]'") from error
    if "threads" in values:
        torch.set_num_threads(values["threads"])
    shared = {name: values[name] for name in ("device", "resume", "overwrite", "quiet")}
    record = train_family(sequence, config, out_dir, **shared, **switches)
    figures = record.figures
    click.echo(
        f"{out_dir}: {family} {record.width} x {record.height} x {len(record.hours)}, "
        f"{figures['parameters']} parameters, {figures['psnr_srgb_db']:.2f} dB before quantization, "
        f"{figures['epochs']} epochs in {figures['train_seconds']:.0f} s"
    )
