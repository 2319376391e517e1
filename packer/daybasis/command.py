"""`todpack pack` and `todpack compress` for the family daybasis: options, and what they run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..configuration import click_options, option_values
from ..errors import PackError
from ..family import Family
from .config import LINEAR_STEP, DayBasisConfig, DayBasisPackOptions

if TYPE_CHECKING:
    from todpack.frames import TileSource

    from ..run_folder import Run
    from .encoder import Progress, Refine
    from .radiance import RadianceDomain
    from .transform.closed_form import TemporalTransform

OPTIONS = (
    click.Option(["--q-step"], type=float, help="Quantizer step in codes.  [default: 16, linear: 2.5, or the run's]"),
    click.Option(["--target-psnr"], type=float, help="Least PSNR in dB; the smallest archive with it."),
    click.Option(["--target-size"], type=int, help="Most bytes; the best archive that is not larger."),
    click.Option(
        ["--refine"],
        type=click.Choice(["none", "fast", "full"]),
        help="Descent over the codes: about 10 % fewer bytes.  [default: as in the run; fast for compress]",
    ),
    *click_options(DayBasisPackOptions),
)

AIMS = ("temporal_weight", "equal_db")
"""What a run's refinement was asked to weigh, beside how long it went on."""


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
    day: TileSource,
    config: DayBasisConfig,
    out: Path,
    options: dict[str, Any],
    refine: Refine | None,
    transform: TemporalTransform | None = None,
    domain: RadianceDomain | None = None,
    progress: Progress | None = None,
) -> None:
    """Code a day by the options above, write the archive and say what it is.

    Args:
        day: The day.
        config: Of the closed form.
        out: Archive to write.
        options: By name, all of them.
        refine: Gives the codes instead of rounding.
        transform: A transform that was found before.
        domain: The domain it was found in.
        progress: Told of the tiles of each stage.

    Raises:
        PackError: options that do not go together, or a target that cannot be met.
        OutputError: the archive cannot be written.
    """
    from todpack.decompressor.files import check_output

    from .encoder import encode_day

    check_output(out)
    encoded = encode_day(
        day,
        with_step(config, options, day.transfer == "linear" and transform is None),
        DayBasisPackOptions(**option_values(DayBasisPackOptions, options), packs_metadata=True),
        transform=transform,
        domain=domain,
        refine=refine,
        target_psnr_db=options["target_psnr"],
        target_size_bytes=options["target_size"],
        progress=progress,
    )
    size = encoded.write(out)
    how = "refined" if encoded.is_refined else "closed form"
    figures = f"{encoded.psnr_db:.2f} dB, q_step {encoded.q_step:g}, K = {encoded.n_components}, {how}"
    click.echo(f"{out}: {size} bytes, {figures}")


def pack(run: Run, out: Path, options: dict[str, Any]) -> None:
    """Code a run folder of this family."""
    from ..progress import StageBars
    from .refine.config import PRESETS
    from .refine.refiner import refiner
    from .run import read_daybasis_run

    held = read_daybasis_run(run)
    aims = ("q_step", "target_psnr", "target_size")
    as_trained = all(options[name] is None for name in aims) or options["q_step"] == held.config.q_step
    refine: Refine | None
    if held.refinement is not None and options["refine"] is None and as_trained and options["smoothing"] is None:
        refine = held.refined
    else:  # at another step the codes are refined anew, in the same way
        how: str | dict[str, Any] = options["refine"] or held.refinement or "none"
        if options["refine"] in PRESETS:
            aims_of_run = {name: value for name, value in (held.refinement or {}).items() if name in AIMS}
            how = {**PRESETS[options["refine"]].to_json(), **aims_of_run}
        refine = refiner(how, options["smoothing"])
    with StageBars() as bars:
        encode(held.day, held.config, out, options, refine, held.transform, held.domain, bars)


DAYBASIS = Family("daybasis", OPTIONS, pack)
