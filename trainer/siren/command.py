"""`todpack train --family siren`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from todpack.frames import Day
from todpack.packer.family import Family
from todpack.packer.run_folder import RunRecord
from todpack.packer.siren.config import SirenConfig

from ..neural import command


def _load() -> Callable[..., RunRecord]:
    from .train import train_siren

    return train_siren


def train(read: Callable[[], Day], out_dir: Path, values: dict[str, Any]) -> None:
    """Train a SIREN and write the run folder; see `neural.command.train`."""
    compute_latent = bool(values.get("compute_latent", False))
    command.train("siren", SirenConfig, _load, read, out_dir, values, compute_latent=compute_latent)


EXPORT = click.Option(
    ["--compute-latent"], is_flag=True, default=None, help="Also write what `todpack export-latent` does."
)
SIREN = Family("siren", [*command.neural_options("siren", SirenConfig), EXPORT], train)
