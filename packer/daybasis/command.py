"""`todpack pack` and `todpack compress` for the family daybasis: options, and what they run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import PackError

if TYPE_CHECKING:
    from todpack.frames import Day
    from todpack.trainer.daybasis.refine.config import RefineConfig
    from todpack.trainer.daybasis.refine.refined import RefinedLightmap

    from ..run_folder import Run
    from .config import DayBasisConfig
    from .radiance import Coding
    from .tiles import Tile
    from .transform.closed_form import TemporalTransform

LINEAR_STEP = 2.5
"""Meets the contest's best marks of PSNR, SSIM and LPIPS together on the courtyard, see docs/contest.md."""

OPTIONS: dict[str, Callable[[Any], Any]] = {
    "q_step": click.option(
        "--q-step", type=float, help="Quantizer step in codes.  [default: 16, linear: 2.5, or the run's]"
    ),
    "target_psnr": click.option("--target-psnr", type=float, help="Least PSNR in dB; the smallest archive with it."),
    "target_size": click.option("--target-size", type=int, help="Most bytes; the best archive that is not larger."),
    "rd_weight": click.option(
        "--rd-weight", type=float, default=0.1, help="Squared steps that a bit is worth; 0: plain rounding."
    ),
    "entropy": click.option(
        "--entropy", type=click.Choice(["ans", "zstd"]), default="ans", help="zstd: larger, no constriction."
    ),
    "refine": click.option(
        "--refine",
        type=click.Choice(["none", "fast", "full"]),
        help="Descent over the codes: about 10 % fewer bytes; torch.  [default: as in the run; none for compress]",
    ),
    "smoothing": click.option(
        "--smoothing/--no-smoothing",
        default=None,
        help="Smooth decoded maps: 2 % fewer bytes, opens slower.  [default: where refined]",
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
    sequence: Day,
    config: DayBasisConfig,
    out: Path,
    options: dict[str, Any],
    found: TemporalTransform | None = None,
    coding: Coding | None = None,
    refined: Callable[[Sequence[Tile]], RefinedLightmap] | None = None,
    refinement: RefineConfig | None = None,
) -> None:
    """Code a day by the options above and write the archive.

    Args:
        sequence: The day.
        config: Of the closed form.
        out: Archive to write.
        options: By name, all of them.
        found: A transform that was found before.
        coding: The domain it was found in.
        refined: Gives codes that were refined before, for the configuration's step.
        refinement: How they were refined, for other steps.

    Raises:
        PackError: options that do not go together, or a target that cannot be met.
        OutputError: the archive cannot be written.
    """
    from todpack.decompressor.output import check_output

    from ..compress import encode_day, write_day
    from .pack import DayBasisPackOptions

    config = with_step(config, options, sequence.transfer == "linear" and found is None)
    preset = options["refine"]
    check_output(out)
    day = encode_day(
        sequence,
        config,
        DayBasisPackOptions(options["rd_weight"], options["entropy"], preset or "none", options["smoothing"]),
        found=found,
        refined=refined,
        refinement=None if preset else refinement,
        coding=coding,
        target_psnr_db=options["target_psnr"],
        target_size_bytes=options["target_size"],
    )
    size = write_day(day, out)
    click.echo(f"{out}: {size} bytes, {day.psnr_db:.2f} dB, q_step {day.q_step:g}, K = {day.n_components}")


def pack(run: Run, out: Path, options: dict[str, Any]) -> None:
    """Code a run folder of this family."""
    from ..pack import read_daybasis_run

    held = read_daybasis_run(run)
    aims = ("q_step", "target_psnr", "target_size")
    as_trained = all(options[name] is None for name in aims) or options["q_step"] == held.config.q_step
    is_kept = held.refinement is not None and as_trained and options["refine"] is None and options["smoothing"] is None
    encode(
        held.sequence,
        held.config,
        out,
        options,
        held.found,
        held.coding,
        held.refined if is_kept else None,
        held.refinement,
    )
