"""`todpack eval ab`."""

from __future__ import annotations

from pathlib import Path

import click

from todpack.packer.progress import ProgressLine

from .. import options


@options.command(
    "ab",
    "Train and compare the variants of gridmlp.",
    "todpack eval ab --json-out out/ab.json",
    "todpack eval ab frames -o out/ab-frames --seeds 1 --variant hash-1 --variant qat8",
    "todpack eval ab --quick",
)
@click.argument("data_path", metavar="[INPUT]", required=False, type=options.PATH)
@options.of_level
@click.option("--out-dir", "-o", type=options.PATH, default=Path("out/ab"), help="A folder per variant and seed; kept.")
@click.option("--seeds", type=options.COUNT, default=3, help="Trainings of each variant.")
@click.option("--preset", type=click.Choice(["ab", "fast", "full"]), default="ab", help="Of `todpack train`.")
@click.option("--epochs", type=click.IntRange(min=2), help="Instead of the preset's.")
@click.option("--variant", "names", multiple=True, help="Only these, and plain.  [default: all]")
@options.threads(1, "Of training and decoding.")
@options.lpips
@options.json_out
@options.overwrite
@click.option("--quick", is_flag=True, help="One seed, two short epochs: a look at the table, not a result.")
def ab_command(
    data_path: Path | None,
    lightmap: str | None,
    out_dir: Path,
    seeds: int,
    preset: str,
    epochs: int | None,
    names: tuple[str, ...],
    threads: int,
    lpips: options.LpipsChoice,
    json_out: Path | None,
    overwrite: bool,
    quick: bool,
) -> None:
    """Train, pack and compare the variants of gridmlp on INPUT, a folder of frames; without it: the sample.

    Prints PSNR, SSIM, LPIPS, flicker, bytes and times of each variant, mean and deviation over seeds, and the recipe's
    acceptance lines. What is in the folder of the same frames, options and code is not trained again: an interrupted
    comparison goes on, and one of changed code measures what changed. Finished trials of other frames or options are
    replaced by --overwrite alone.
    """
    from todpack.decompressor.files import exclusive_folder, write_json
    from todpack.frames import AS_FOUND
    from todpack.frames.digest import frames_digest

    from ..earlier_trials import refuse_other_frames
    from ..errors import EvalError
    from ..machine import machine, machine_line
    from ..measures.latency import compare_times
    from ..measures.perceptual import LpipsAbsent
    from ..trial import Options, TrialSettings
    from ..trials import require_families
    from .report import ab_json, ab_table, acceptance, acceptance_table
    from .run import QUICK_TRAINING, ab_code, plan_ab, run_ab
    from .variants import PLAIN, VARIANTS

    known = {variant.name: variant for variant in VARIANTS}
    for name in names:
        if name not in known:
            raise EvalError(f"--variant: expected one of {', '.join(known)}, found {name}")
    require_families(["gridmlp"], refined=True)
    if json_out is not None:
        options.prepare_output(json_out)
    data_path = data_path or options.sample_frames()
    # bad frames are one error, before the first training
    frames = frames_digest(options.read_frames(data_path, AS_FOUND, lightmap))
    settings = TrialSettings(
        data_path,
        lightmap=lightmap,
        threads=threads,
        lpips=not isinstance(lpips.load(), LpipsAbsent),
        lpips_weights=lpips.weights,
        frames=frames,
        code=ab_code(),
        timing=None,  # all archives are timed at the end, in turn
    )
    training: Options = {
        "preset": preset,
        **(QUICK_TRAINING if quick else {} if epochs is None else {"epochs": epochs}),
    }
    variants = tuple(known[name] for name in names) or VARIANTS
    described = machine(threads)
    plan = plan_ab(out_dir, settings, variants, n_seeds=1 if quick else seeds, training=training)
    if not overwrite:
        refuse_other_frames(out_dir, settings)
        plan.refuse_other_options()
    with exclusive_folder(out_dir):
        click.echo(f"todpack: ab: {plan.describe()}", err=True)
        with ProgressLine("ab", "trial", left_s=plan.seconds_left) as line:
            results = run_ab(plan, line.update)
        times = compare_times({result.variant: result.archive for result in reversed(results)}, threads, PLAIN)
    lines = acceptance(results, times)
    if json_out is not None:
        write_json(json_out, ab_json(results, times, lines, described))
    click.echo(f"{ab_table(results, times)}\n\n{acceptance_table(lines)}\n\n{machine_line(described)}")
