"""`todpack pack` and `todpack compress` for the family daybasis: options, and what they run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from packer.errors import PackError

if TYPE_CHECKING:
    from packer.run_folder import Run
    from trainer.data import LightmapSequence
    from trainer.daybasis.closed_form import TemporalTransform
    from trainer.daybasis.coding import Coding
    from trainer.daybasis.config import DayBasisConfig

LINEAR_STEP = 2.5
"""Meets the contest's best marks of PSNR, SSIM and LPIPS together on the courtyard, see docs/contest.md."""

OPTIONS: dict[str, Callable[[Any], Any]] = {
    "q_step": click.option(
        "--q-step", type=float, help="Quantizer step in codes.  [default: 16, linear: 2.5, or the run's]"
    ),
    "target_psnr": click.option("--target-psnr", type=float, help="PSNR in dB to meet (within 0.05 dB)."),
    "target_size": click.option(
        "--target-size", type=int, help="Archive size in bytes to meet (within 1 %, not above)."
    ),
    "rd_weight": click.option(
        "--rd-weight", type=float, default=0.1, help="Squared steps that a bit is worth; 0: plain rounding."
    ),
    "entropy": click.option(
        "--entropy", type=click.Choice(["ans", "zstd"]), default="ans", help="zstd: larger, no constriction."
    ),
    "refine": click.option(
        "--refine", type=click.Choice(["none", "fast", "full"]), default="none", help="About 6 % fewer bytes; torch."
    ),
}


def with_step(config: DayBasisConfig, options: dict[str, Any], is_linear: bool) -> DayBasisConfig:
    """The configuration at the step that the options give; of linear radiance LINEAR_STEP by default.

    Raises:
        PackError: a step and a target are given.
    """
    q_step = options["q_step"]
    if q_step is None:
        return dataclasses.replace(config, q_step=LINEAR_STEP) if is_linear else config
    if options["target_psnr"] is not None or options["target_size"] is not None:
        raise PackError("--q-step: expected a step or a target, found both")
    return dataclasses.replace(config, q_step=q_step)


def encode(
    sequence: LightmapSequence,
    config: DayBasisConfig,
    out: Path,
    options: dict[str, Any],
    found: TemporalTransform | None,
    coding: Coding | None = None,
) -> None:
    """Code a day by the options above and write the archive.

    Raises:
        PackError: options that do not go together, or a target that cannot be met.
        OutputError: the archive cannot be written.
    """
    from packer.compress import encode_day, write_day
    from packer.container import check_target
    from packer.daybasis.pack import DayBasisPackOptions

    config = with_step(config, options, sequence.transfer == "linear" and found is None)
    check_target(out)
    day = encode_day(
        sequence,
        config,
        DayBasisPackOptions(options["rd_weight"], options["entropy"], options["refine"]),
        found=found,
        coding=coding,
        target_psnr_db=options["target_psnr"],
        target_size_bytes=options["target_size"],
    )
    write_day(day, out)
    click.echo(f"{out}: {day.size_bytes} bytes, {day.psnr_db:.2f} dB, q_step {day.q_step:g}, K = {day.n_components}")


def pack(run: Run, out: Path, options: dict[str, Any]) -> None:
    """Code a run folder of this family."""
    from packer.pack import read_daybasis_run

    sequence, config, found, coding = read_daybasis_run(run)
    encode(sequence, config, out, options, found, coding)
