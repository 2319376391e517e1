"""`todpack train`: what all families share; `<family>/command.py` has the options of each."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from todpack.frames.options import frame_options
from todpack.frames.read_options import ReadOptions
from todpack.packer.errors import ConfigError

from .options import Decorator

if TYPE_CHECKING:
    from todpack.frames import Day

log = logging.getLogger("todpack.train")

FAMILIES = (
    "daybasis",
    "gridmlp",
    "siren",
)  # trainer/<family>/command.py: OPTIONS by name, and train(read, out_dir, values)

EXAMPLES = """
\b
Examples:
  todpack train samples/courtyard -o run
  todpack train --data-dir frames --mask valid.png --out-dir run --q-step 8
  todpack train Data_HPRC -o run --lightmap L_Courtyard_0 --q-step 4
  todpack train frames -o run --family gridmlp --preset full --device cuda
  todpack train frames -o run --family gridmlp --epochs 50 --hidden 32 --channels-per-level 2
  todpack train frames -o run --family gridmlp --resume            # after an interruption
"""


def _command(family: str) -> Any:
    return importlib.import_module(f"todpack.trainer.{family}.command")


def _owners() -> dict[str, list[str]]:
    owners: dict[str, list[str]] = {}
    for family in FAMILIES:
        for name in _command(family).OPTIONS:
            owners.setdefault(name, []).append(family)
    return owners


def _family_options(command: Any) -> Any:
    """Declare the options of every family once; the help says whose they are."""
    decorators: dict[str, Decorator] = {}
    for family in FAMILIES:
        decorators |= _command(family).OPTIONS
    for decorator in reversed(decorators.values()):
        command = decorator(command)
    owners = _owners()
    for parameter in command.__click_params__:
        if parameter.name in owners:
            parameter.help = f"{', '.join(owners[parameter.name])}: {parameter.help}"
    return command


@click.command(
    "train",
    epilog=EXAMPLES,
    context_settings={"token_normalize_func": lambda token: token.replace("_", "-"), "show_default": True},
)
@click.argument("input_dir", metavar="[INPUT]", required=False, type=click.Path(path_type=Path))
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of frames; the same as INPUT.")
@frame_options
@click.option("--lightmap", help="Which one of a dataset, such as L_Courtyard_0.")
@click.option("--out-dir", "-o", type=click.Path(path_type=Path), required=True, help="Run folder to write.")
@click.option("--family", type=click.Choice(FAMILIES), default=FAMILIES[0], help="Model family.")
@click.option("--overwrite", is_flag=True, help="Replace a run that is already in --out-dir.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
@_family_options
@click.pass_context
def train(
    context: click.Context,
    /,
    input_dir: Path | None,
    data_dir: Path | None,
    reading: ReadOptions,
    lightmap: str | None,
    out_dir: Path,
    family: str,
    **options: Any,
) -> None:
    """Train a model on a day of lightmaps: a folder of equally sized frames of one kind.

    The run folder gets config.json and arrays.npz for `todpack pack`, log.csv and checkpoints. daybasis is found in
    closed form in seconds, then its codes are refined (torch; `--refine none` goes without); gridmlp and siren are
    trained by gradient descent and need torch.
    """
    if (input_dir is None) == (data_dir is None):
        raise click.UsageError("give the folder of frames once: as INPUT or by --data-dir")
    given = {k for k in options if context.get_parameter_source(k) == click.core.ParameterSource.COMMANDLINE}
    owners = _owners()
    foreign = sorted(name for name in given if family not in owners.get(name, [family]))
    if foreign:
        raise ConfigError(
            f"--{foreign[0].replace('_', '-')}: an option of --family {' or '.join(owners[foreign[0]])}, "
            f"found --family {family}"
        )

    def read() -> Day:
        from todpack.frames import read_day

        sequence = read_day(input_dir or data_dir or "", lightmap=lightmap, **vars(reading))
        for warning in sequence.warnings:
            log.warning(warning)
        return sequence

    _command(family).train(read, out_dir, {k: v for k, v in options.items() if v is not None})
