"""`todpack train --family gridmlp`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from todpack.decompressor.errors import needs
from todpack.frames import Day
from todpack.packer.configuration import click_options, from_json, option_values
from todpack.packer.errors import ConfigError
from todpack.packer.family import Family
from todpack.packer.gridmlp.config import GridMlpConfig
from todpack.packer.gridmlp.rd_config import RdConfig
from todpack.packer.run_folder import RunRecord

from ..neural import command

RD = "rd"


def _load() -> Callable[..., RunRecord]:
    from .train import train_gridmlp

    return train_gridmlp


def _check_preset(values: dict[str, Any], preset: str, ours: type, others: type) -> None:
    """Refuse options of the other configuration."""
    shared = {option.name for option in click_options(ours)}
    for option in click_options(others):
        if option.name not in shared and values.get(option.name or "") is not None:
            raise ConfigError(f"{option.opts[0]}: an option of other presets, found --preset {preset}")


def _train_rd(read: Callable[[], Day], out_dir: Path, values: dict[str, Any]) -> None:
    config = from_json(RdConfig, option_values(RdConfig, values))
    if values["resume"] and values["overwrite"]:
        raise ConfigError("--resume, --overwrite: expected one of them, found both")
    day = read()
    with needs("train", "gridmlp"):
        import torch

        from .rd.train import train_rd
    if "threads" in values:
        torch.set_num_threads(values["threads"])
    record = train_rd(day, config, out_dir, **{name: values[name] for name in ("resume", "overwrite", "quiet")})
    figures = record.figures
    click.echo(
        f"{out_dir}: gridmlp {record.width} x {record.height} x {len(record.hours)}, {figures['n_components']} maps, "
        f"about {figures['psnr_srgb_db']:.2f} dB before rounding in {figures['train_seconds']:.0f} s"
    )


def train(read: Callable[[], Day], out_dir: Path, values: dict[str, Any]) -> None:
    """Train a GridMLP and write the run folder; see `neural.command.train`, and `rd.train` for the preset rd."""
    if values["preset"] == RD:
        _check_preset(values, RD, RdConfig, GridMlpConfig)
        _train_rd(read, out_dir, values)
        return
    _check_preset(values, values["preset"], GridMlpConfig, RdConfig)
    switches = {"amp": values["amp"], "init_from": values.get("init_from")}
    command.train("gridmlp", GridMlpConfig, _load, read, out_dir, values, **switches)


OPTIONS = (
    click.Option(["--amp/--no-amp"], default=False, help="bfloat16 autocast."),
    click.Option(["--init-from"], type=click.Path(path_type=Path), help="Run folder whose weights to start from."),
)
_PLAIN = [*command.neural_options("gridmlp", GridMlpConfig), *OPTIONS]
_OF_RD = [option for option in click_options(RdConfig) if option.name not in {plain.name for plain in _PLAIN}]
GRIDMLP = Family("gridmlp", [*_PLAIN, *_OF_RD], train)
