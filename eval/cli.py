"""The commands `todpack eval`; what a command needs is imported when it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from todpack.frames.options import frame_options
from todpack.frames.read_options import ReadOptions
from todpack.packer.progress import ProgressLine

from . import options
from .ab.command import ab_command
from .bench.command import bench
from .errors import EvalError
from .measures.latency import LatencySettings
from .peers.command import peers
from .rd.command import rd
from .report.command import report


@click.group(
    "eval",
    epilog=options.examples(
        "todpack eval score scene.tod --data frames",
        "todpack eval latency scene.tod --threads 2 --json",
        "todpack eval peers frames --crf 12,16,20 --psnr 42",
        "todpack eval bench --results bench.json",
    ),
    context_settings=options.CONTEXT,
)
def cli() -> None:
    """Measure quality, size and speed of an archive, and the peers on the same frames."""


@options.command(
    "score",
    "An archive against its frames, per hour and for the day.",
    "todpack eval score scene.tod --data frames",
    "todpack eval score scene.tod --data frames --no-lpips --json",
    "todpack eval score level.tod --data Data_HPRC",
    "todpack eval score level.tod --data Data_HPRC --lightmap L_Courtyard_0",
    "todpack eval score scene.tod --data frames --lpips-weights alexnet.pth",
)
@options.archive
@options.data
@frame_options
@options.lightmap
@options.lpips
@options.threads(None, "Decoder threads.  [default: the decoder's own choice]")
@options.as_json
@click.option("--dry-run", is_flag=True, help="Of a level: say about how long it takes, and end.")
def score_command(
    archive: Path,
    data_path: Path,
    reading: ReadOptions,
    lightmap: str | None,
    lpips: options.LpipsChoice,
    threads: int | None,
    as_json: bool,
    dry_run: bool,
) -> None:
    """Score ARCHIVE against the frames it was made from, per hour and for the day.

    PSNR, SSIM and LPIPS, the error of the changes over time, bytes, bits per valid texel and compression ratios. Where
    the weights of LPIPS are not found it is absent, and the reason is said. Of a level and its dataset, without
    --lightmap: a row for each lightmap, the worst first, and the whole level: of radiance
    the means over all tiles and times, as the contest's, of codes those over lightmaps.
    """
    from todpack.decompressor import open_archive
    from todpack.frames import is_dataset

    from .archive import score
    from .level import LevelScore, plan_level, score_level
    from .measures.perceptual import LpipsAbsent
    from .measures.score import ScoreReport

    measure = lpips.load()
    with open_archive(archive, threads=threads) as opened:
        several = len(opened.lightmaps) > 1
    measured: ScoreReport | LevelScore
    is_level = several and lightmap is None and is_dataset(data_path)
    if is_level:
        plan = plan_level(archive, data_path, not isinstance(measure, LpipsAbsent), reading).line()
        if dry_run:
            click.echo(plan)
            return
        click.echo(f"todpack: {plan}", err=True)
    elif dry_run:
        raise EvalError("--dry-run: expected a level and its dataset, found one lightmap")
    with ProgressLine("score", "kilotexel" if is_level else "") as line:
        common: dict[str, Any] = {"reading": reading, "lpips": measure, "threads": threads}
        common |= {"progress": line.update, "on_warning": options.warn}
        if is_level:
            measured = score_level(archive, data_path, **common)
        else:
            measured = score(archive, data_path, lightmap=lightmap, **common)
    click.echo(json.dumps(measured.to_json(), indent=2, allow_nan=False) if as_json else measured.table())


@options.command(
    "latency",
    "Time an archive: open, first frame, steady frames, texels.",
    "todpack eval latency scene.tod",
    "todpack eval latency scene.tod --threads 1 --provider cpu --json",
)
@options.archive
@options.threads(LatencySettings.threads)
@click.option(
    "--provider",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default=LatencySettings.provider,
    help="What runs the graphs.",
)
@click.option("--opens", type=options.COUNT, default=LatencySettings.opens, help="Fresh processes to open it in.")
@click.option("--frames", type=options.COUNT, default=LatencySettings.frames, help="Frames in steady state.")
@click.option("--texels", type=options.COUNT, default=LatencySettings.texels, help="Random texels.")
@click.option("--lightmap", help="Which one of a level, by name or number.  [default: the first]")
@options.as_json
def latency_command(
    archive: Path,
    threads: int,
    provider: str,
    opens: int,
    frames: int,
    texels: int,
    lightmap: str | None,
    as_json: bool,
) -> None:
    """Time ARCHIVE: cold open of one lightmap, first frame, steady frames, random texels."""
    from .measures.latency import measure_latency

    with ProgressLine("latency") as line:
        settings = LatencySettings(threads, provider, opens, frames, texels, lightmap)
        measured = measure_latency(archive, settings, line.update)
    click.echo(json.dumps(measured.to_json(), indent=2, allow_nan=False) if as_json else measured.table())


for _command in (score_command, latency_command, bench, ab_command, peers, rd, report):
    cli.add_command(_command)
