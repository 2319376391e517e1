"""The commands `todpack eval score|latency|peers|bench`; what a command needs is imported when it runs."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import click

from todpack.decompressor.files import write_text
from todpack.frames.options import frame_options
from todpack.frames.read_options import ReadOptions

from .ab.command import ab_command
from .options import CONTEXT, COUNT, PATH, chosen_lpips, numbers, progress_bar, warn
from .peers.command import peers
from .rd.command import rd
from .report.command import report

EXAMPLES = """
\b
Examples:
  todpack eval score scene.tod --data frames
  todpack eval latency scene.tod --threads 2 --json
  todpack eval peers frames --crf 12,16,20 --psnr 42
  todpack eval bench --json-out bench.json
"""

SCORE_EXAMPLES = """
\b
Examples:
  todpack eval score scene.tod --data frames
  todpack eval score scene.tod --data frames --no-lpips --json
  todpack eval score level.tod --data Data_HPRC --lightmap L_Courtyard_0
  todpack eval score scene.tod --data frames --lpips-weights alexnet.pth
"""

LATENCY_EXAMPLES = """
\b
Examples:
  todpack eval latency scene.tod
  todpack eval latency scene.tod --threads 1 --provider cpu --json
"""

BENCH_EXAMPLES = """
\b
Examples:
  todpack eval bench --json-out bench.json
  todpack eval bench frames --q-step 8,16,24 --quick
  todpack eval bench frames --archive gridmlp=gridmlp.tod
"""

ROOT = Path.cwd()
BENCH_DATA = ("samples/courtyard", "../shared/data/courtyard")  # from the root; the second where it exists


def _named_paths(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for value in values:
        name, separator, path = value.partition("=")
        if not (name and separator and path) or name in named:
            raise click.BadParameter(f"expected NAME=PATH, each name once, found {value!r}")
        named[name] = Path(path)
    return named


def _print(report: dict[str, object], table: str, as_json: bool) -> None:
    click.echo(json.dumps(report, indent=2, allow_nan=False) if as_json else table)


@click.group("eval", epilog=EXAMPLES, context_settings=CONTEXT)
def cli() -> None:
    """Measure quality, size and speed of an archive, and the peers on the same frames."""


@cli.command(
    "score",
    short_help="An archive against its frames, per hour and for the day.",
    epilog=SCORE_EXAMPLES,
    context_settings=CONTEXT,
)
@click.argument("archive", type=PATH)
@click.option("--data", "data_path", metavar="INPUT", type=PATH, required=True, help="The original frames.")
@frame_options
@click.option("--lightmap", help="Which one of a level and of its dataset, such as L_Courtyard_0.")
@click.option("--lpips-weights", type=PATH, help="AlexNet weights; else LPIPS_ALEXNET, else torch hub's cache.")
@click.option("--no-lpips", is_flag=True, help="Leave LPIPS out; torch is not loaded then.")
@click.option("--threads", type=COUNT, help="Decoder threads.  [default: the decoder's own choice]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; null for what is absent.")
def score_command(
    archive: Path,
    data_path: Path,
    reading: ReadOptions,
    lightmap: str | None,
    lpips_weights: Path | None,
    no_lpips: bool,
    threads: int | None,
    as_json: bool,
) -> None:
    """Score ARCHIVE against the frames it was made from, per hour and for the day.

    PSNR, SSIM and LPIPS, the error of the changes over time, bytes, bits per valid texel and compression ratios. Where
    the weights of LPIPS are not found it is absent, and the reason is said.
    """
    from .measures.score import score

    lpips = chosen_lpips(lpips_weights, no_lpips)
    with progress_bar("score") as advance:
        report = score(
            archive,
            data_path,
            lpips=lpips,
            reading=reading,
            lightmap=lightmap,
            threads=threads,
            on_frame=advance,
            on_warning=warn,
        )
    _print(report.to_json(), report.table(), as_json)


@cli.command(
    "latency",
    short_help="Time an archive: open, first frame, steady frames, texels.",
    epilog=LATENCY_EXAMPLES,
    context_settings=CONTEXT,
)
@click.argument("archive", type=PATH)
@click.option("--threads", type=COUNT, default=2, help="Decoder threads.")
@click.option("--provider", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="What runs the graphs.")
@click.option("--opens", type=COUNT, default=5, help="Fresh processes to open it in.")
@click.option("--frames", type=COUNT, default=48, help="Frames in steady state.")
@click.option("--texels", type=COUNT, default=500, help="Random texels.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def latency_command(
    archive: Path, threads: int, provider: str, opens: int, frames: int, texels: int, as_json: bool
) -> None:
    """Time ARCHIVE: cold open, first frame, steady frames, random texels; of several lightmaps, the first."""
    from .measures.latency import measure_latency

    with progress_bar("latency") as advance:
        report = measure_latency(
            archive,
            threads=threads,
            provider=provider,
            n_opens=opens,
            n_frames=frames,
            n_texels=texels,
            on_run=advance,
        )
    _print(report.to_json(), report.table(), as_json)


@cli.command(
    "bench",
    short_help="Ours beside x265 and JPEG XL, against the targets.",
    epilog=BENCH_EXAMPLES,
    context_settings=CONTEXT,
)
@click.argument("data_paths", metavar="[DATA]...", nargs=-1, type=PATH)
@click.option("--json-out", type=PATH, metavar="FILE", help="Also write every point and figure to FILE.")
@click.option("--docs", type=PATH, metavar="FILE", help="Also write FILE (Markdown), with memory and all peers.")
@click.option("--threads", type=COUNT, default=2, help="Threads of compressing and decoding.")
@click.option("--q-step", "q_steps", callback=numbers, help="Steps of ours, and 16.  [default: 8,11,16,22,30]")
@click.option(
    "--archive", "archives", multiple=True, callback=_named_paths, metavar="NAME=PATH", help="Add a ready archive."
)
@click.option("--quick", is_flag=True, help="Few settings, each timed once: a look, not a result.")
@click.option(
    "--families/--no-families",
    default=None,
    help="Also train and compare all families, on each DATA.  [default: on without DATA and --quick]",
)
def bench_command(
    data_paths: tuple[Path, ...],
    json_out: Path | None,
    docs: Path | None,
    threads: int,
    q_steps: tuple[float, ...],
    archives: dict[str, Path],
    quick: bool,
    families: bool | None,
) -> None:
    """Measure our default family beside x265 and JPEG XL on the same frames, in one run, against the targets.

    DATA is a folder of frames, or several. Without it: the sample, and ../shared/data/courtyard where it exists. The
    targets belong to frames of 256 x 256 (the sample) and 512 x 512 (the courtyard); other sizes have none.
    """
    from .bench.dataset import bench_dataset
    from .bench.families import FamilyRow, bench_families, daybasis_row, families_json, families_table
    from .bench.report import bench_json, dataset_table, footer
    from .bench.result import QUICK, BenchSettings
    from .machine import machine
    from .options import prepare_output

    if families is None:
        families = not quick and not data_paths
    if not data_paths:
        data_paths = tuple(Path(os.path.relpath(ROOT / p)) for p in BENCH_DATA if (ROOT / p).is_dir())
    if archives and len(data_paths) != 1:
        raise click.UsageError("--archive belongs to one dataset: name one DATA")
    settings = replace(QUICK if quick else BenchSettings(), threads=threads)
    if q_steps:
        settings = replace(settings, q_steps=q_steps)
    for path in (json_out, docs):
        if path is not None:
            prepare_output(path)
    described, start = machine(threads), time.monotonic()
    benches = []
    for data_path in data_paths:
        with progress_bar(str(data_path)) as advance:
            benches.append(bench_dataset(data_path, settings, archives, advance))
        click.echo(dataset_table(benches[-1]) + "\n")
        if json_out is not None:  # after each dataset: a bench takes minutes, and may be interrupted
            write_text(json_out, json.dumps(bench_json(benches, described), indent=2, allow_nan=False) + "\n")
    rows: dict[str, list[FamilyRow]] = {}
    for bench, data_path in zip(benches, data_paths, strict=True) if families else ():
        with progress_bar(str(data_path)) as advance:
            trained = bench_families(data_path, threads=threads, on_step=advance)
        rows[str(data_path)] = daybasis_row(bench) + trained
        click.echo(families_table(rows[str(data_path)], data_path) + "\n")
        if json_out is not None:
            found = {**bench_json(benches, described), "families": families_json(rows)}
            write_text(json_out, json.dumps(found, indent=2, allow_nan=False) + "\n")
    click.echo(footer(benches, described))
    if docs is not None:
        from .bench.document import bench_memory, bench_peers, document

        memories = [bench_memory(bench, threads) for bench in benches]
        command = f"todpack eval bench {' '.join(map(str, data_paths))} --docs {docs}{' --quick' if quick else ''}"
        tables = [families_table(found, Path(path)) for path, found in rows.items()]
        with progress_bar("peers") as advance:
            peers_bench = bench_peers(benches[0].path, quick, advance)
        minutes = (time.monotonic() - start) / 60
        write_text(docs, document(benches, memories, peers_bench, described, command, minutes, quick, tables))
        click.echo(f"\n{docs}")


cli.add_command(ab_command)
cli.add_command(peers)
cli.add_command(rd)
cli.add_command(report)
