"""`todpack eval bench`."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import click

from todpack.packer.progress import ProgressLine

from .. import options


def _named_paths(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for value in values:
        name, separator, path = value.partition("=")
        if not (name and separator and path) or name in named:
            raise click.BadParameter(f"expected NAME=PATH, each name once, found {value!r}")
        named[name] = Path(path)
    return named


@options.command(
    "bench",
    "Ours beside x265 and JPEG XL, against the targets.",
    "todpack eval bench --json-out bench.json",
    "todpack eval bench frames --q-step 8,16,24 --quick",
    "todpack eval bench frames --archive gridmlp=gridmlp.tod",
)
@click.argument("data_paths", metavar="[DATA]...", nargs=-1, type=options.PATH)
@options.of_level
@options.json_out
@click.option("--docs", type=options.PATH, metavar="FILE", help="Also write FILE (Markdown), with all peers.")
@options.threads(2, "Threads of compressing and decoding.")
@options.numbers("--q-step", "q_steps", (), "Steps of ours, and 16.  [default: 8,11,16,22,30]")
@click.option(
    "--archive",
    "archives",
    multiple=True,
    callback=_named_paths,
    metavar="NAME=PATH",
    help="Add a ready archive.",
)
@click.option("--quick", is_flag=True, help="Few settings, each timed once: a look, not a result.")
@click.option(
    "--families/--no-families",
    default=None,
    help="Also train and compare all families, on each DATA.  [default: on without DATA and --quick]",
)
def bench(
    data_paths: tuple[Path, ...],
    lightmap: str | None,
    json_out: Path | None,
    docs: Path | None,
    threads: int,
    q_steps: tuple[float, ...],
    archives: dict[str, Path],
    quick: bool,
    families: bool | None,
) -> None:
    """Measure our default family beside x265 and JPEG XL on the same frames, in one run, against the targets.

    DATA is a folder of frames, or several; without it: the sample. The targets belong to frames of 256 x 256 (the
    sample) and 512 x 512 (the whole courtyard); other sizes have none.
    """
    from todpack.decompressor.files import write_text

    from ..errors import EvalError
    from ..machine import machine
    from ..tables import terminal
    from ..trials import require_families
    from .dataset import QUICK, BenchSettings, DatasetBench, bench_dataset
    from .families import Row, bench_families, daybasis_row, families_json, families_table
    from .report import bench_json, dataset_table, footer

    if families is None:
        families = not quick and not data_paths
    data_paths = data_paths or (options.sample_frames(),)
    if archives and len(data_paths) != 1:
        raise click.UsageError("--archive belongs to one dataset: name one DATA")
    require_families(["daybasis", "gridmlp"] if families else ["daybasis"], refined=bool(families))
    settings = replace(QUICK if quick else BenchSettings(), threads=threads, lightmap=lightmap)
    if q_steps:
        settings = replace(settings, q_steps=q_steps)
    for path in (json_out, docs):
        if path is not None:
            options.prepare_output(path)
    described, start = machine(threads), time.monotonic()
    benches: list[DatasetBench] = []
    rows: dict[str, list[Row]] = {}

    def keep() -> None:  # after each part: a bench takes minutes, and may be interrupted
        if json_out is not None:
            report = bench_json(benches, described) | ({"families": families_json(rows)} if rows else {})
            write_text(json_out, json.dumps(report, indent=2, allow_nan=False) + "\n")

    for data_path in data_paths:
        with ProgressLine(str(data_path)) as line:
            benches.append(bench_dataset(data_path, settings, archives, line.update))
        click.echo(dataset_table(benches[-1]))
        keep()
    for one, data_path in zip(benches, data_paths, strict=True) if families else ():
        with ProgressLine(str(data_path)) as line:
            trained = bench_families(data_path, lightmap=lightmap, threads=threads, progress=line.update)
        rows[str(data_path)] = daybasis_row(one) + trained
        click.echo(terminal([families_table(rows[str(data_path)], str(data_path))]))
        keep()
    click.echo(footer(benches, described))
    if not any(one.results.points for one in benches):
        raise EvalError("nothing was measured")
    if docs is not None:
        from .document import bench_peers, document

        words = f"todpack eval bench {' '.join(map(str, data_paths))} --docs {docs}"
        words += f"{' --quick' if quick else ''}{'' if lightmap is None else f' --lightmap {lightmap}'}"
        tables = [families_table(found, path) for path, found in rows.items()]
        with ProgressLine("peers") as line:
            peers = bench_peers(benches[0].path, quick, line.update, lightmap)
        minutes = (time.monotonic() - start) / 60
        write_text(docs, document(benches, peers, described, words, minutes, quick, tables))
        click.echo(f"\n{docs}")
