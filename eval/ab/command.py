"""The command `todpack eval ab`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

_PATH = click.Path(path_type=Path)
_SAMPLE = Path("samples", "courtyard")

EXAMPLES = """
\b
Examples:
  todpack eval ab --json-out out/ab.json
  todpack eval ab frames -o out/ab-frames --seeds 1 --variant hash-1 --variant qat8
  todpack eval ab --quick
"""


@click.command(
    "ab",
    short_help="Train and compare the variants of gridmlp.",
    epilog=EXAMPLES,
    context_settings={
        "token_normalize_func": lambda token: token.replace("_", "-"),
        "help_option_names": ["-h", "--help"],
        "show_default": True,
    },
)
@click.argument("data_path", metavar="[INPUT]", required=False, type=_PATH)
@click.option("--out-dir", "-o", type=_PATH, default=Path("out/ab"), help="A folder per variant and seed; kept.")
@click.option("--seeds", type=click.IntRange(min=1), default=3, help="Trainings of each variant.")
@click.option("--preset", type=click.Choice(["ab", "fast", "full"]), default="ab", help="Of `todpack train`.")
@click.option("--epochs", type=click.IntRange(min=2), help="Instead of the preset's.")
@click.option("--variant", "names", multiple=True, help="Only these, and plain.  [default: all]")
@click.option("--threads", type=click.IntRange(min=1), default=1, help="Of training and decoding.")
@click.option("--lpips-weights", type=_PATH, help="AlexNet weights; else LPIPS_ALEXNET, else torch hub's cache.")
@click.option("--no-lpips", is_flag=True, help="Leave LPIPS out.")
@click.option("--json-out", type=_PATH, metavar="FILE", help="Also write every figure to FILE.")
@click.option("--quick", is_flag=True, help="One seed, two short epochs: a look at the table, not a result.")
def ab_command(
    data_path: Path | None,
    out_dir: Path,
    seeds: int,
    preset: str,
    epochs: int | None,
    names: tuple[str, ...],
    threads: int,
    lpips_weights: Path | None,
    no_lpips: bool,
    json_out: Path | None,
    quick: bool,
) -> None:
    """Train, pack and compare the variants of gridmlp on INPUT, a folder of frames; without it: the sample.

    Prints PSNR, SSIM, LPIPS, flicker, bytes and times of each variant, mean and deviation over seeds, and the recipe's
    acceptance lines. What is finished in the folder is not trained again, so that an interrupted comparison goes on.
    """
    from todpack.decompressor.files import write_text
    from todpack.frames import read_day

    from ..errors import EvalError
    from ..machine import machine, machine_line
    from ..measures.perceptual import LpipsAbsent, load_lpips
    from ..options import prepare_output
    from .report import ab_json, ab_table, acceptance, acceptance_table
    from .run import QUICK_TRAINING, AbSettings, run_ab
    from .timing import time_archives
    from .variants import VARIANTS

    known = {variant.name: variant for variant in VARIANTS}
    for name in names:
        if name not in known:
            raise EvalError(f"--variant: expected one of {', '.join(known)}, found {name}")
    if json_out is not None:
        prepare_output(json_out)
    read_day(data_path or _SAMPLE)  # bad frames are one error, before the first training
    lpips = LpipsAbsent("switched off by --no-lpips") if no_lpips else load_lpips(lpips_weights)
    if isinstance(lpips, LpipsAbsent) and not no_lpips:
        click.echo(f"todpack: warning: LPIPS is absent: {lpips.reason}", err=True)
    settings = AbSettings(
        out_dir=out_dir,
        n_seeds=1 if quick else seeds,
        preset=preset,
        training=QUICK_TRAINING if quick else () if epochs is None else ("--epochs", str(epochs)),
        threads=threads,
        variants=tuple(known[name] for name in names) or VARIANTS,
    )
    described = machine(threads)

    def say(done: int, in_all: int, what: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r[{done}/{in_all}] {what:<40}", nl=done == in_all, err=True)

    results = run_ab(data_path or _SAMPLE, settings, lpips, say)
    timings = time_archives({r.variant: r.archive for r in reversed(results)}, threads)
    lines = acceptance(results, timings)
    click.echo(f"{ab_table(results, timings)}\n\n{acceptance_table(lines)}\n\n{machine_line(described)}")
    if json_out is not None:
        text = json.dumps(ab_json(results, timings, lines, described), indent=2, allow_nan=False) + "\n"
        write_text(json_out, text)
