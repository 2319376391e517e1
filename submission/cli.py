"""`todpack submit build` and `todpack submit check`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from submission.errors import SubmissionError

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


LAYOUT = click.option(
    "--layout", type=click.Choice(["bundle", "contest"]), default="bundle", show_default=True,
    help="A bundle with decompress.py, or the contest's Interface.py and Parameters/.",
)  # fmt: skip


@submit.command("build", epilog=EXAMPLES)
@click.argument("archive", metavar="SOURCE", type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="Folder to write; OUT.zip beside it.")
@click.option("--overwrite", is_flag=True, help="Replace an older submission.")
@LAYOUT
@click.option("--storage", type=click.Choice(["raw"]), default="raw", help="contest: plain bits, the one kind allowed.")
@click.option("--target-psnr", type=float, help="contest, of a dataset: tiled PSNR in dB.  [default: 55.05]")
@click.option("--steps", type=click.Path(path_type=Path), help="contest, of a dataset: steps from todpack tune.")
@click.option("--jobs", type=click.IntRange(1), help="contest, of a dataset: lightmaps at once.  [default: cores]")
def build_command(
    archive: Path,
    out: Path,
    overwrite: bool,
    layout: str,
    storage: str,
    target_psnr: float | None,
    steps: Path | None,
    jobs: int | None,
) -> None:
    """Bundle an archive with the standalone decompressor, requirements, README and manifest.

    In the contest's layout, SOURCE may be a dataset too: it is compressed first, into OUT.tod beside the folder.
    """
    if layout == "contest":
        from submission.contest.build import build_from

        made = build_from(archive, out, target_psnr_db=target_psnr, steps=steps, n_jobs=jobs, overwrite=overwrite)
        click.echo(f"{made.folder}: {made.parameter_bytes} bytes in Parameters, {100 * made.ratio:.3f} % of raw")
        return
    if target_psnr is not None or steps is not None or jobs is not None:
        raise SubmissionError("--target-psnr, --steps, --jobs: expected them with --layout contest only")
    from submission.build import build

    bundle = build(archive, out, overwrite=overwrite)
    click.echo(
        f"{bundle.folder}: archive of {bundle.archive_bytes} bytes, {bundle.bundle_bytes} bytes in all; "
        f"zip: {bundle.zip_path}"
    )


@submit.command("check", epilog=EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), required=True, help="The original frames.")
@click.option("--mask", type=click.Path(path_type=Path), help="Mask image of the originals.")
@click.option("--python", type=click.Path(path_type=Path), help="Use this interpreter instead of a new environment.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Decoder threads.")
@click.option("--report", type=click.Path(path_type=Path), help="Where to write report.json.  [default: beside FOLDER]")
@click.option("--lpips-weights", type=click.Path(path_type=Path), help="AlexNet weights for LPIPS.")
@click.option("--no-lpips", is_flag=True, help="Leave LPIPS out.")
@click.option("--json", "as_json", is_flag=True, help="Print report.json instead of the table.")
def check_command(
    folder: Path,
    data: Path,
    mask: Path | None,
    python: Path | None,
    threads: int,
    report: Path | None,
    lpips_weights: Path | None,
    no_lpips: bool,
    as_json: bool,
) -> None:
    """Run the submission in FOLDER as a grader would, and score what it decodes against the originals."""
    from eval.perceptual import LpipsAbsent, load_lpips
    from submission.check import check

    lpips = LpipsAbsent("left out by --no-lpips") if no_lpips else load_lpips(lpips_weights)
    result = check(
        folder, data, lpips=lpips, mask=mask, python=python, threads=threads, report_path=report,
        say=lambda line: click.echo(f"todpack: {line}", err=True),
    )  # fmt: skip
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=2, sort_keys=True))
    else:
        if result.score is not None:
            click.echo(result.score.table())
            click.echo(
                f"whole process {result.process_s:.2f} s, frame {result.frame_ms_median:.2f} ms (median), "
                f"{result.threads} threads, {result.cpu}; bundle {result.bundle_bytes} bytes"
            )
        click.echo("PASSED" if not result.faults else "FAILED")
    if result.faults:
        raise SubmissionError(f"{folder}: {len(result.faults)} fault(s): " + "; ".join(result.faults))
