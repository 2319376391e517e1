"""`todpack train`; `<family>/command.py` has what each family adds."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from todpack.frames.options import frame_options
from todpack.frames.read_options import ReadOptions
from todpack.packer.family import add_options, refuse_foreign

from .daybasis.command import DAYBASIS
from .gridmlp.command import GRIDMLP
from .siren.command import SIREN

if TYPE_CHECKING:
    from todpack.frames import Day

log = logging.getLogger("todpack.train")

FAMILIES = {family.name: family for family in (DAYBASIS, GRIDMLP, SIREN)}

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
@click.option("--family", type=click.Choice(list(FAMILIES)), default="daybasis", help="Model family.")
@click.option("--overwrite", is_flag=True, help="Replace a run that is already in --out-dir.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
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
    closed form in seconds, then its codes are refined (`--refine none` goes without); gridmlp and siren are
    trained by gradient descent and need torch.
    """
    if (input_dir is None) == (data_dir is None):
        raise click.UsageError("give the folder of frames once: as INPUT or by --data-dir")
    refuse_foreign(context, FAMILIES, family, f"--family {family}")

    from .run_folder import training

    def read() -> Day:
        from todpack.frames import read_day

        day = read_day(input_dir or data_dir or "", lightmap=lightmap, **vars(reading))
        for warning in day.warnings:
            log.warning(warning)
        return day

    with training():
        FAMILIES[family].run(read, out_dir, {name: value for name, value in options.items() if value is not None})


add_options(train, tuple(FAMILIES.values()))
