"""`todpack tune`."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from .tune import Tuned

EXAMPLES = """
\b
Examples:
  todpack tune Data_HPRC -o tune.json
  todpack tune Data_HPRC -o tune.json --budget 2h --jobs 4
  todpack tune Data_HPRC -o tune.json --score scorer.toml --dry-run
  todpack submit build --layout contest Data_HPRC --steps tune.json -o contest_dir
"""
MOST_LISTED = 10
UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0}
LONGEST_S = 1_000_000  # what systems wait for has an end


class Duration(click.ParamType[float]):
    """A time such as 2h, 90m or 1h30m, in seconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds > 0, at most LONGEST_S."""
        if isinstance(value, float):
            return value
        text = str(value)
        if not re.fullmatch(r"(\d+(\.\d+)?[hms])+", text):
            self.fail(f"expected a time such as 2h, 90m or 1h30m, found {text}", param, ctx)
        seconds = sum(float(n) * UNITS_S[unit] for n, _, unit in re.findall(r"(\d+(\.\d+)?)([hms])", text))
        if not 0.0 < seconds <= LONGEST_S:
            self.fail(f"expected a time > 0, up to {LONGEST_S // 3600} h, found {text}", param, ctx)
        return seconds


@click.command("tune", epilog=EXAMPLES)
@click.argument("data", metavar="DATASET", type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="Report to write (NAME.json).")
@click.option("--score", type=click.Path(path_type=Path), help="Ranges and weights (TOML).  [default: the contest's]")
@click.option("--jobs", type=click.IntRange(1), help="Lightmaps at once.  [default: cores]")
@click.option("--rounds", type=click.IntRange(0), default=4, show_default=True, help="Refinements at most.")
@click.option("--budget", type=Duration(), help="Take the best that is found in this time, such as 2h or 90m.")
@click.option("--dry-run", is_flag=True, help="Say how much it is, and about how long it takes, and end.")
@click.option("--lpips-weights", type=click.Path(path_type=Path), help="AlexNet weights for LPIPS.")
@click.option("--no-lpips", is_flag=True, help="Leave LPIPS out.")
def tune_command(
    data: Path,
    out: Path,
    score: Path | None,
    jobs: int | None,
    rounds: int,
    budget: float | None,
    dry_run: bool,
    lpips_weights: Path | None,
    no_lpips: bool,
) -> None:
    """Choose domain and quantizer step of each lightmap of DATASET so that the contest's score is highest.

    Measured points are kept in OUT.points.json; a rerun takes them up, also one after Ctrl-C or a kill.
    """
    from todpack.decompressor.errors import require_packages
    from todpack.decompressor.files import check_output, check_suffix, write_json
    from todpack.eval.measures.contest import read_scorer, score_table
    from todpack.eval.measures.lpips_weights import LpipsAbsent, find_weights

    require_packages("tune", "scipy", "onnx", "threadpoolctl")
    from .rate_points import PointCache
    from .tune import Tuning

    scorer = read_scorer(score)
    weights = LpipsAbsent("left out by --no-lpips") if no_lpips else find_weights(lpips_weights)
    reason = weights.reason if isinstance(weights, LpipsAbsent) else None
    check_output(out)
    check_suffix(out, ".json")
    tuning = Tuning(
        data,
        scorer,
        PointCache(out.with_name(f"{out.name}.points.json")),
        weights=None if isinstance(weights, LpipsAbsent) else weights,
        n_jobs=jobs or os.cpu_count() or 1,
        max_rounds=rounds,
        budget_s=math.inf if budget is None else budget,
        say=lambda line: click.echo(f"todpack: {line}", err=True),
    )
    plan = tuning.plan(out).line()
    if dry_run:
        click.echo(plan)
        return
    click.echo(f"todpack: {plan}", err=True)
    tuned = tuning.run()
    write_json(out, tuned.to_json(scorer))
    for line in _lightmap_lines(tuned):
        click.echo(line)
    click.echo(score_table(tuned.measures, scorer, reason))
    takes = "" if math.isnan(tuned.psnr_bytes) else f"; it takes about {tuned.psnr_bytes:.0f} bytes"
    click.echo(f"1 dB more at the same bytes: {tuned.more_psnr:+.4f}{takes}")
    click.echo(f"1 kB more at the same quality: {tuned.more_bytes:+.5f}")
    click.echo("time is modeled for two CPU cores; `todpack submit check --layout contest` measures it")


def _lightmap_lines(tuned: Tuned) -> list[str]:
    """The lightmaps that cost most of the score."""
    from todpack.eval.tables import columns

    rows = []
    for one in tuned.lightmaps[:MOST_LISTED]:
        point = one.point
        ssim = f"{point.ssim / point.n_ssim:.5f}" if point.n_ssim else "-"
        lpips = f"{point.lpips / point.n_lpips:.6f}" if point.n_lpips else "-"
        rows.append(
            (
                one.entry.name,
                f"{one.entry.width} x {one.entry.height}",
                str(point.setting),
                str(point.n_bytes),
                f"{point.psnr_db / max(point.n_psnr, 1):.2f}",
                ssim,
                lpips,
                f"{one.lost:.4f}",
            )
        )
    lines = columns(("lightmap", "size", "transfer, trials @ step", "bytes", "PSNR dB", "SSIM", "LPIPS", "lost"), rows)
    if len(tuned.lightmaps) > MOST_LISTED:
        lines.append(f"... and {len(tuned.lightmaps) - MOST_LISTED} that cost less of the score")
    if tuned.unmeasured:
        lines.append(f"not measured in the time: {len(tuned.unmeasured)} lightmaps, which take the usual setting")
    return lines
