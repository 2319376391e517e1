"""`todpack train --family daybasis`: its options and what it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from trainer.data import LightmapSequence
from trainer.errors import ConfigError
from trainer.options import Decorator

OPTIONS: dict[str, Decorator] = {
    "q_step": click.option("--q-step", type=float, help="Quantizer step the basis is made for.  [default: 16]"),
    "tile": click.option("--tile", type=int, help="Side of the independent tiles.  [default: 512]"),
    "n_levels": click.option("--levels", "n_levels", type=int, help="Levels of the wavelet pyramid.  [default: 5]"),
    "transfer": click.option("--transfer", help="Domain of linear radiance: gamma, linear or log.  [default: gamma]"),
    "rotate": click.option("--rotate/--no-rotate", default=None, help="Find the sparse rotation.  [default: rotate]"),
    "max_classes": click.option("--max-classes", type=int, help="Regional rotations at most; 1: none.  [default: 12]"),
}


def train(read: Callable[[], LightmapSequence], out_dir: Path, values: dict[str, Any]) -> None:
    """Find the transform of a day and write the run folder.

    Args:
        read: Gives the day, warnings already said.
        out_dir: Run folder.
        values: Options given or with a default, by name.

    Raises:
        TrainerError: see its kinds.
    """
    try:
        from trainer.daybasis.config import DayBasisConfig
        from trainer.daybasis.train import train_daybasis
    except ModuleNotFoundError as error:
        raise ConfigError(f"daybasis needs {error.name}: pip install 'todpack[pack]'") from error
    config = DayBasisConfig(**{k: v for k, v in values.items() if k in OPTIONS})
    record = train_daybasis(read(), config, out_dir, values["overwrite"])
    click.echo(
        f"{out_dir}: daybasis {record.width} x {record.height} x {len(record.hours)}, K = "
        f"{record.figures['n_components']}, {record.figures['train_seconds']:.1f} s"
    )
