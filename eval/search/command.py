"""`todpack search`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import click

from todpack.decompressor.pool import MOST_THREADS
from todpack.frames.options import frame_options
from todpack.frames.read_options import ReadOptions
from todpack.packer.progress import ProgressLine

from .. import options
from .table import SORTS

RESULTS = "results.json"
SPACE = """

\b
A space:
  family = "gridmlp"                    # or a list of families
  sampler = "random"                    # grid, random, optuna
  trials = 12
  [train]                               # options of todpack train
  preset = "fast"
  hidden = [32, 64]                     # choices
  lr = {low = 1e-4, high = 1e-2, log = true}
  [pack]                                # options of todpack pack
  grid_dtype = ["uint8", "uint16"]
  [score]                               # weights of psnr_db, ssim, lpips, bytes, bpt, frame_ms
  psnr_db = 1.0
  bpt = -6.0
"""


def _known_names(stages: Iterable[str]) -> tuple[list[str], dict[str, set[str]]]:
    """Families of `todpack train`, and the option names of each stage's command, as the running program has them."""
    context = click.get_current_context().find_root()
    assert isinstance(context.command, click.Group)
    families: list[str] = []
    names: dict[str, set[str]] = {}
    for stage in stages:
        command = context.command.get_command(context, stage)
        assert command is not None
        names[stage] = {word[2:] for parameter in command.params for word in parameter.opts if word.startswith("--")}
        choices = [p.type.choices for p in command.params if p.name == "family" and isinstance(p.type, click.Choice)]
        families += [str(choice) for found in choices for choice in found]
    return families, names


@options.command(
    "search",
    "Many trainings over a space of options, sorted by what they gave.",
    "todpack search space.toml --data frames -o experiments",
    "todpack search space.toml --data frames -o experiments --num-workers 2 --sort bytes",
    "todpack search space.json --data frames -o experiments --gpu-ids 0,1,2,3 --num-workers 8",
    more=SPACE,
)
@click.argument("space_path", metavar="SPACE", type=options.PATH)
@options.data
@click.option(
    "--out",
    "-o",
    "--out-base",
    "out_dir",
    type=options.PATH,
    required=True,
    help="Folder of the trials; resumed if there.",
)
@frame_options
@options.of_level
@click.option(
    "--repeats",
    type=options.COUNT,
    default=1,
    help="Trainings of each trial of a family that has a seed; more give mean and deviation.",
)
@click.option("--num-workers", type=click.IntRange(1, MOST_THREADS), default=1, help="Trials at a time.")
@options.threads(None, "Threads of a trial.  [default: the cores shared out to the workers]")
@click.option("--gpu-ids", help="GPUs that the workers share out, such as 0,1,2,3.")
@click.option("--sort", type=click.Choice(list(SORTS)), default="score", help="What the table is sorted by.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, 1e6),
    callback=options.finite,
    help="Seconds that one command of a trial may take.",
)
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", help="Where trials run.")
@options.lpips
@options.as_json
@options.overwrite
def search(
    space_path: Path,
    data_path: Path,
    out_dir: Path,
    reading: ReadOptions,
    lightmap: str | None,
    repeats: int,
    num_workers: int,
    threads: int | None,
    gpu_ids: str | None,
    sort: str,
    timeout_s: float | None,
    engine: str,
    lpips: options.LpipsChoice,
    as_json: bool,
    overwrite: bool,
) -> None:
    """Train, pack, score and time one trial after another over a SPACE of options (JSON or TOML).

    Each trial has a folder with its log, run, archive and result.json. A search that was stopped goes on where it was:
    finished trials of the same frames, code, LPIPS weights and weights to start from are not run again (their times are
    of the run that made them, whatever its threads), failed ones are. A failed trial is reported and stops nothing.
    """
    from todpack.decompressor.errors import require_packages
    from todpack.decompressor.files import check_outputs, exclusive_folder, refuse_other_kinds, write_json
    from todpack.frames.digest import frames_digest

    from ..earlier_trials import refuse_other_frames
    from ..errors import EvalError
    from ..machine import usable_cores
    from ..trial import TrialSettings, trial_code
    from ..trials import require_families
    from .runner import run_search
    from .space import check_names, read_space
    from .table import results_table, sorted_results

    space = read_space(space_path)
    check_names(space_path, space, *_known_names(("train", "pack")))
    unrefined = space.options.get(("train", "refine")) == ("none",)
    require_families(space.families, refined=not unrefined)
    if repeats > 1 and ("train", "seed") in space.options:
        raise EvalError(
            f"{space_path}: train: seed: expected none beside --repeats, whose trainings have seeds 0, 1, ..."
        )
    if space.sampler == "optuna":
        require_packages("the sampler optuna", "optuna")
    if engine == "ray":
        require_packages("--engine ray", "ray")
    day = options.read_frames(data_path, reading, lightmap)  # bad frames are one error, not one per trial
    check_outputs([out_dir / RESULTS], [space_path], overwrite=overwrite)
    refuse_other_kinds(out_dir / RESULTS)
    settings = TrialSettings(
        data_path,
        reading,
        lightmap,
        threads or max(1, usable_cores() // num_workers),
        lpips=not lpips.is_off,
        lpips_weights=lpips.weights,
        timeout_s=timeout_s,
        frames=frames_digest(day),
        code=trial_code(),
    )
    if not overwrite:
        refuse_other_frames(out_dir, settings)
    with exclusive_folder(out_dir):
        with ProgressLine("search") as line:
            results = run_search(
                space,
                out_dir,
                settings,
                gpu_ids=gpu_ids.split(",") if gpu_ids else (),
                num_workers=num_workers,
                engine=engine,
                repeats=repeats,
                progress=line.update,
            )
        ordered = sorted_results(results, sort)
        found = {"sorted_by": sort, "trials": ordered}
        write_json(out_dir / RESULTS, found)
    click.echo(json.dumps(found, indent=2, allow_nan=False) if as_json else results_table(ordered))
    if space.sampler == "random" and len(results) < space.trials:
        options.warn(f"{space_path}: expected {space.trials} trials, found {len(results)} different ones to draw")
    if all(result["measures"] is None for result in results):
        raise EvalError(f"{out_dir}: none of {len(results)} trials worked; the first: {results[0]['error']}")
