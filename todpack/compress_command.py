"""`todpack compress`."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from todpack.frames.options import frame_options
from todpack.frames.read_options import ReadOptions
from todpack.packer.configuration import click_options, option_values
from todpack.packer.daybasis.command import OPTIONS
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions

if TYPE_CHECKING:
    from todpack.packer.dataset.estimate import LevelPlan

log = logging.getLogger("todpack.compress")
PLANNED_S = 60.0
"""Of work that is told before it begins."""
MOST_LISTED = 10
LINEAR_OPTIONS = ("transfer", "reweight")


@click.command(
    "compress",
    epilog="""
\b
Examples:
  todpack compress samples/courtyard -o courtyard.tod
  todpack compress samples/courtyard -o courtyard.tod --target-psnr 42
  todpack compress frames --mask valid.png -o scene.tod --target-size 250000
  todpack compress Data_HPRC -o level.tod --target-psnr 55 --jobs 4
  todpack compress Data_HPRC -o one.tod --lightmap L_Courtyard_0
""",
    context_settings={"token_normalize_func": lambda token: token.replace("_", "-"), "show_default": True},
)
@click.argument("input_dir", metavar="INPUT", type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="Archive to write (NAME.tod).")
@frame_options
@click.option("--lightmap", help="Only this one of a dataset, such as L_Courtyard_0.")
@click.option("--jobs", type=int, help="Lightmaps coded at once.  [default: the number of cores]")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", help="Where jobs run.")
@click.option("--dry-run", is_flag=True, help="Say how much it is, and about how long it takes, and end.")
@click.option("--overwrite", is_flag=True, help="Replace a file that todpack did not write.")
@click.pass_context
def compress(
    context: click.Context,
    /,
    input_dir: Path,
    out: Path,
    reading: ReadOptions,
    lightmap: str | None,
    jobs: int | None,
    engine: str,
    dry_run: bool,
    overwrite: bool,
    **options: Any,
) -> None:
    """Compress a folder of frames, or a dataset with all its lightmaps, into one archive.

    Train and pack in one go, without torch. A folder holds equally sized files of one
    kind: PNG, JPEG, TGA, BMP, TIFF, WebP, EXR, Radiance or NPY; arrays (NPY) are read tile by tile and may be larger
    than memory. A dataset is the contest's, or a folder that holds one folder of frames per lightmap.
    """
    from todpack.api import compress as run
    from todpack.decompressor.files import check_output, check_suffix
    from todpack.decompressor.plain_text import shown
    from todpack.packer.progress import StageBars

    check_output(out)
    check_suffix(out, ".tod")
    said: list[str] = []

    def on_warning(line: str) -> None:
        if line not in said:
            said.append(line)
            log.warning(line)

    def on_plan(plan: LevelPlan) -> None:
        if dry_run:
            click.echo(plan.line())
        elif plan.n_lightmaps > 1 or plan.seconds > PLANNED_S:
            log.info(plan.line())

    given = [name for name in LINEAR_OPTIONS if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    with StageBars() as bars:
        report = run(
            input_dir,
            out,
            q_step=options["q_step"],
            target_psnr_db=options["target_psnr"],
            target_size_bytes=options["target_size"],
            refine=options["refine"],
            valid=reading.mask,
            hours=reading.hours,
            first_hour=reading.first_hour,
            encoding=reading.encoding,
            layer=reading.layer,
            lightmap=lightmap,
            jobs=jobs,
            engine=engine,
            progress=bars,
            on_warning=on_warning,
            config=DayBasisConfig(**option_values(DayBasisConfig, {**options, "q_step": None})),
            options=DayBasisPackOptions(**option_values(DayBasisPackOptions, options)),
            linear_options=given,
            on_plan=on_plan,
            dry_run=dry_run,
            overwrite=overwrite,
        )
    if dry_run:
        return
    line = f"{out}: {report.size_bytes} bytes, "
    if report.psnr_db is not None:
        quality = "no light" if math.isnan(report.psnr_db) else f"{report.psnr_db:.2f} dB"  # no peak, no PSNR
        line += f"{quality}, q_step {report.q_step:g}, K = {report.n_components}"
        line += ", refined" if report.is_refined else ", closed form"
    else:
        kept = f", {report.n_kept} of them finished before" if report.n_kept else ""
        share = 100 * report.size_bytes / report.raw_bytes
        line = f"{out}: {report.n_lightmaps} lightmaps{kept}, {report.size_bytes} bytes, {share:.3f} % of raw"
    if len(report.lightmaps) > 1:
        click.echo(f"{'lightmap':<24} {'size':>11} {'bytes':>10} {'bits a texel and time':>22}")
        for one in report.lightmaps[:MOST_LISTED]:
            click.echo(
                f"{shown(one.name):<24} {f'{one.width} x {one.height}':>11} {one.size_bytes:>10} {one.bits:>22.3f}"
            )
        if len(report.lightmaps) > MOST_LISTED:
            click.echo(f"... and {len(report.lightmaps) - MOST_LISTED} with fewer bits a texel")
    click.echo(line)
    if len(said) > 1:
        log.warning("%d warnings, see above", len(said))


compress.params += [*OPTIONS, *(option for option in click_options(DayBasisConfig) if option.name != "q_step")]
