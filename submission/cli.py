"""`todpack submit build` and `todpack submit check`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from todpack.decompressor.pool import MOST_THREADS
from todpack.frames.options import frame_options
from todpack.frames.read_options import ReadOptions

from .errors import SubmissionError

if TYPE_CHECKING:
    from todpack.eval.measures.perceptual import Lpips, LpipsAbsent

EXAMPLES = """
\b
Examples:
  todpack submit build courtyard.tod -o submission_dir
  todpack submit check submission_dir --data samples/courtyard
  todpack submit check submission_dir --data samples/courtyard --python /usr/bin/python3   # no package index needed
  todpack submit build --layout contest Data_HPRC -o contest_dir
  todpack submit check --layout contest contest_dir --data Data_HPRC
"""


@click.group("submit", epilog=EXAMPLES)
def submit() -> None:
    """Build a submission for the graders, or rehearse its grading."""


OF_LAYOUT = {
    "bundle": ("lightmap", "mask", "hours", "first_hour", "encoding", "layer"),
    "contest": ("target_psnr", "steps", "jobs", "dry_run", "scorer", "device", "seed"),
}
"""Options that mean something in one layout alone."""


def _refuse_others(layout: str) -> None:
    """Refuse options of the other layout, which would be ignored.

    Raises:
        SubmissionError: one was given.
    """
    context, other = click.get_current_context(), "bundle" if layout == "contest" else "contest"
    for name in OF_LAYOUT[other]:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = name.replace("_", "-")
            raise SubmissionError(f"--{option}: expected it with --layout {other} only")


LAYOUT = click.option(
    "--layout", type=click.Choice(["bundle", "contest"]), default="bundle", show_default=True,
    help="A bundle with decompress.py, or the contest's Interface.py and Parameters/.",
)  # fmt: skip


@submit.command("build", short_help="Bundle an archive for the graders.", epilog=EXAMPLES)
@click.argument("archive", metavar="SOURCE", type=click.Path(path_type=Path))
@click.option(
    "--out", "-o", "out_dir", type=click.Path(path_type=Path), required=True, help="Folder to write; OUT.zip beside it."
)
@click.option("--overwrite", is_flag=True, help="Replace an older submission.")
@LAYOUT
@click.option("--storage", type=click.Choice(["raw"]), default="raw", help="contest: plain bits, the one kind allowed.")
@click.option("--target-psnr", type=float, help="contest, of a dataset: tiled PSNR in dB.  [default: 55.05]")
@click.option("--steps", type=click.Path(path_type=Path), help="contest, of a dataset: steps from todpack tune.")
@click.option("--jobs", type=click.IntRange(1), help="contest, of a dataset: lightmaps at once.  [default: cores]")
@click.option("--dry-run", is_flag=True, help="contest, of a dataset: say about how long it takes, and end.")
def build_command(
    archive: Path,
    out_dir: Path,
    overwrite: bool,
    layout: str,
    storage: str,
    target_psnr: float | None,
    steps: Path | None,
    jobs: int | None,
    dry_run: bool,
) -> None:
    """Bundle an archive with the standalone decompressor, requirements, README and manifest.

    In the contest's layout, SOURCE may be a dataset too: it is compressed first, into OUT.tod beside the folder.
    """
    _refuse_others(layout)
    if layout == "contest":
        from .contest.build import build_from

        made = build_from(
            archive, out_dir, target_psnr_db=target_psnr, steps=steps, n_jobs=jobs, overwrite=overwrite,
            on_plan=lambda plan: click.echo(plan.line() if dry_run else f"todpack: {plan.line()}", err=not dry_run),
            on_warning=lambda line: click.echo(f"todpack: {line}", err=True), dry_run=dry_run,
        )  # fmt: skip
        if made is None:
            return
        _say_kept(made.kept)
        click.echo(f"{made.folder}: {made.parameter_bytes} bytes in Parameters, {made.ratio_percent:.3f} % of raw")
        click.echo(f"{made.folder}.zip; left to do: {made.folder}.checklist.md; figures: {made.folder}.facts.html")
        return
    from .build import build

    bundle = build(archive, out_dir, overwrite=overwrite)
    click.echo(
        f"{bundle.folder}: archive of {bundle.archive_bytes} bytes, {bundle.bundle_bytes} bytes in all; "
        f"zip: {bundle.zip_path}"
    )


@submit.command("check", short_help="Rehearse the grading of a submission.", epilog=EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="The original frames.")
@frame_options
@click.option("--lightmap", help="bundle: which one of a level is compared and scored.  [default: the only one]")
@click.option("--python", type=click.Path(path_type=Path), help="Use this interpreter instead of a new environment.")
@click.option("--threads", type=click.IntRange(1, MOST_THREADS), default=2, show_default=True, help="Decoder threads.")
@click.option("--report", type=click.Path(path_type=Path), help="Where to write report.json.  [default: beside FOLDER]")
@click.option("--lpips-weights", type=click.Path(path_type=Path), help="AlexNet weights for LPIPS.")
@click.option("--no-lpips", is_flag=True, help="Leave LPIPS out.")
@click.option("--json", "as_json", is_flag=True, help="Print report.json instead of the table.")
@LAYOUT
@click.option(
    "--scorer", type=click.Path(path_type=Path), help="contest: ranges and weights.  [default: the contest's]"
)
@click.option("--device", default="cpu", show_default=True, help="contest: torch device, such as cuda.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="contest: of the random coordinates."
)
@click.option("--dry-run", is_flag=True, help="contest: say about how long it takes, and end.")
def check_command(
    folder: Path,
    data: Path,
    reading: ReadOptions,
    lightmap: str | None,
    python: Path | None,
    threads: int,
    report: Path | None,
    lpips_weights: Path | None,
    no_lpips: bool,
    as_json: bool,
    layout: str,
    scorer: Path | None,
    device: str,
    seed: int,
    dry_run: bool,
) -> None:
    """Run the submission in FOLDER as a grader would, and score what it decodes against the originals."""
    _refuse_others(layout)
    from todpack.eval.measures.perceptual import LpipsAbsent, load_lpips

    lpips = LpipsAbsent("left out by --no-lpips") if no_lpips else load_lpips(lpips_weights)
    if layout == "contest":
        _check_contest(folder, data, lpips, python, threads, report, as_json, scorer, device, seed, dry_run)
        return
    from .check import check

    result = check(
        folder, data, lpips=lpips, reading=reading, lightmap=lightmap, python=python, threads=threads,
        report_path=report, say=lambda line: click.echo(f"todpack: {line}", err=True),
    )  # fmt: skip
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=2, sort_keys=True))
    else:
        if result.score is not None:
            click.echo(result.score.table())
            plain_s = result.process_without_core_s
            without = "" if plain_s is None else f" ({plain_s:.2f} s without the native core)"
            click.echo(
                f"whole process {result.process_s:.2f} s{without}, frame {result.frame_ms_median:.2f} ms (median), "
                f"{result.threads} threads, {result.cpu}; bundle {result.bundle_bytes} bytes"
            )
        click.echo("PASSED" if not result.faults else "FAILED")
    if result.faults:
        raise SubmissionError(f"{folder}: {len(result.faults)} fault(s): " + "; ".join(result.faults))


def _say_kept(pages: Sequence[Path]) -> None:
    for page in pages:
        click.echo(f"todpack: {page}: kept, as it was changed since; without it a new one is made", err=True)


def _check_contest(
    folder: Path,
    data: Path,
    lpips: Lpips | LpipsAbsent,
    python: Path | None,
    threads: int,
    report: Path | None,
    as_json: bool,
    scorer: Path | None,
    device: str,
    seed: int,
    dry_run: bool,
) -> None:
    from todpack.decompressor.errors import require_packages
    from todpack.eval.measures.contest import read_scorer, score_table
    from todpack.eval.measures.perceptual import LpipsAbsent
    from todpack.eval.plan import CHECK_LPIPS_S, CHECK_S, measuring_plan
    from todpack.frames import open_contest
    from todpack.packer.progress import ProgressLine

    from .contest.check import check_contest, require_folder

    if python is None:
        require_packages("Interface.py, which the rehearsal runs,", "torch")
    ranges = read_scorer(scorer)
    require_folder(folder)
    measured_s = CHECK_S + (0.0 if isinstance(lpips, LpipsAbsent) else CHECK_LPIPS_S)
    plan = measuring_plan(open_contest(data).entries, measured_s).line()
    if dry_run:
        click.echo(plan)
        return
    click.echo(f"todpack: {plan}", err=True)
    with ProgressLine("check", "kilotexel") as line:
        result = check_contest(
            folder, data, scorer=ranges, lpips=lpips, python=python, device=device, threads=threads, seed=seed,
            report_path=report, progress=line.update,
        )  # fmt: skip
    for warning in result.warnings:
        click.echo(f"todpack: {warning}", err=True)
    _say_kept(result.kept)
    if as_json:
        click.echo(json.dumps(result.to_json(ranges), indent=2, sort_keys=True))
    else:
        if result.measures:
            click.echo(score_table(result.measures, ranges, result.lpips_absent))
            click.echo(
                f"{result.parameter_bytes} bytes in Parameters; {result.frame_ms_median:.2f} ms per time (median, "
                f"least {result.frame_ms_least:.2f}), "
                f"random access {result.access_us[0]:.0f} us at the first texel, {result.access_us[1]:.0f} us at the "
                f"last; {result.device}, {result.threads} threads"
            )
        click.echo("PASSED" if not result.faults else "FAILED")
        for fault in result.faults:
            click.echo(f"  {fault}")
    if result.faults:
        raise SubmissionError(f"{folder}: {len(result.faults)} fault(s): " + "; ".join(result.faults[:5]))
