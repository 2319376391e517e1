"""`todpack pack` for the family gridmlp."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from todpack.decompressor.gridmlp import GRID_DTYPES

from ..configuration import check, click_options, option, option_values
from ..family import Family

if TYPE_CHECKING:
    from ..run_folder import Run

MLP_DTYPES = ("fp16", "fp32", "int8")


@dataclass(frozen=True)
class GridMlpPackOptions:
    """How to quantize."""

    grid_dtype: str = option("uint8", choices=GRID_DTYPES, help="Codes of the grids.")
    percentile: float | None = option(
        None, 50.0, 100.0, ends="(]", of=float,
        help="Range of the grids in percent; 100: min..max.  [default: of train --ptq, else 100]",
    )  # fmt: skip
    mlp_dtype: str = option("fp16", choices=MLP_DTYPES, help="Weights of the MLP.")
    baseline_q_step: int = option(4, 1, 64, help="Bin width of the baseline in codes; 1: lossless.")

    def __post_init__(self) -> None:
        check(self)


def pack(run: Run, out: Path, values: dict[str, Any]) -> None:
    """Quantize and code a run folder of this family."""
    from .pack import pack_run

    result = pack_run(run.path, out, GridMlpPackOptions(**option_values(GridMlpPackOptions, values)))
    click.echo(
        f"{result.path}: {result.archive_bytes} bytes; grids and MLP take {result.model_bytes} of them, "
        f"{result.fp32_bytes / result.model_bytes:.1f} x less than in fp32 ({result.fp32_bytes} bytes)"
    )


GRIDMLP = Family("gridmlp", click_options(GridMlpPackOptions), pack)
