"""`todpack tune`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

EXAMPLES = """
\b
Examples:
  todpack tune Data_HPRC -o tune.json
  todpack tune Data_HPRC -o tune.json --score scorer.toml --jobs 4
  todpack submit build --layout contest Data_HPRC --steps tune.json -o contest_dir
"""


@click.command("tune", epilog=EXAMPLES)
@click.argument("data", metavar="DATASET", type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="Report with the chosen steps.")
@click.option("--score", type=click.Path(path_type=Path), help="Ranges and weights (TOML).  [default: the contest's]")
@click.option("--jobs", type=click.IntRange(1), help="Lightmaps at once.  [default: cores]")
@click.option("--rounds", type=click.IntRange(0), default=4, show_default=True, help="Refinements at most.")
@click.option("--lpips-weights", type=click.Path(path_type=Path), help="AlexNet weights for LPIPS.")
@click.option("--no-lpips", is_flag=True, help="Leave LPIPS out.")
def tune_command(
    data: Path,
    out: Path,
    score: Path | None,
    jobs: int | None,
    rounds: int,
    lpips_weights: Path | None,
    no_lpips: bool,
) -> None:
    """Choose the quantizer step of each lightmap of DATASET so that the contest's score is highest.

    Measured points are kept in OUT.points.json; a rerun takes them up.
    """
    from todpack.decompressor.errors import require_packages
    from todpack.decompressor.files import check_output, write_text
    from todpack.eval.measures.contest import read_scorer, score_table
    from todpack.eval.measures.lpips_weights import LpipsAbsent, find_weights
    from todpack.packer.progress import ProgressLine

    require_packages("tune", "scipy", "onnx", "threadpoolctl")
    from .rate_points import PointCache
    from .tune import tune

    scorer = read_scorer(score)
    weights = LpipsAbsent("left out by --no-lpips") if no_lpips else find_weights(lpips_weights)
    reason = weights.reason if isinstance(weights, LpipsAbsent) else None
    check_output(out)
    cache = PointCache(out.with_name(f"{out.name}.points.json"))
    with ProgressLine("tune", "point") as line:

        def say(text: str) -> None:
            line.clear()
            click.echo(f"todpack: {text}", err=True)

        tuned = tune(
            data,
            scorer,
            cache,
            weights=None if isinstance(weights, LpipsAbsent) else weights,
            n_jobs=jobs or os.cpu_count() or 1,
            max_rounds=rounds,
            on_point=lambda: line.update(line.done + 1),
            say=say,
        )
    write_text(out, json.dumps(tuned.to_json(scorer), indent=2, sort_keys=True) + "\n")
    for name, point in tuned.points.items():
        click.echo(f"{name}: q_step {point.q_step:g}, {point.n_bytes} bytes, {point.psnr_db / point.n_psnr:.2f} dB")
    click.echo(score_table(tuned.measures, scorer, reason))
    click.echo(f"1 dB more at the same bytes: {tuned.more_psnr:+.4f}; it takes about {tuned.psnr_bytes:.0f} bytes")
    click.echo(f"1 kB more at the same quality: {tuned.more_bytes:+.5f}")
    click.echo("time is modeled for two CPU cores; `todpack submit check --layout contest` measures it")
