"""`todpack pack` for the family gridmlp: options, and what they run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from .run_folder import Run

OPTIONS: dict[str, Callable[[Any], Any]] = {
    "grid_dtype": click.option(
        "--grid-dtype",
        type=click.Choice(["uint8", "uint16", "float32"]),
        default="uint8",
        help="gridmlp: codes of the grids.",
    ),
    "percentile": click.option(
        "--percentile",
        type=float,
        help="gridmlp: range of the grids in percent; 100: min..max.  [default: of train --ptq, else 100]",
    ),
    "mlp_dtype": click.option(
        "--mlp-dtype", type=click.Choice(["fp16", "fp32", "int8"]), default="fp16", help="gridmlp, siren: MLP weights."
    ),
    "baseline_q_step": click.option(
        "--baseline-q-step", type=int, default=4, help="gridmlp: bin width of the baseline in codes; 1: lossless."
    ),
}


def pack(run: Run, out: Path, options: dict[str, Any]) -> None:
    """Quantise and code a run folder of this family."""
    from .gridmlp import GridMlpPackOptions
    from .pack import pack_run

    result = pack_run(run.path, out, GridMlpPackOptions(**{k: v for k, v in options.items() if k in OPTIONS}))
    click.echo(
        f"{result.path}: {result.archive_bytes} bytes; grids and MLP take {result.model_bytes} of them, "
        f"{result.fp32_bytes / result.model_bytes:.1f} x less than in fp32 ({result.fp32_bytes} bytes)"
    )
