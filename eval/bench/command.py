"""`todpack eval bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from todpack.packer.progress import ProgressLine

from .. import options

PARTS = ("rate", "speed", "families")
SETS_VARIABLE = "TODPACK_SETS"


@options.command(
    "bench",
    "Ours beside the peers on many sets, in one result file.",
    "todpack eval bench sample --part rate",
    "todpack eval bench frames --quick",
    "todpack eval bench --sets more --results docs/benchmarks.json --docs docs/benchmarks.md",
    "todpack eval bench --part none --results docs/benchmarks.json --docs docs/benchmarks.md",
)
@click.argument("data", metavar="[SET|DATA]...", nargs=-1)
@options.of_level
@click.option("--sets", "more", type=options.PATH, envvar=SETS_VARIABLE, show_envvar=True, help="Folder of more sets.")
@click.option(
    "--part",
    "parts",
    type=click.Choice([*PARTS, "none"]),
    multiple=True,
    default=("rate", "speed"),
    help="rate: bytes and quality; speed: times and memory; families: training; may be repeated.",
)
@click.option("--results", type=options.PATH, metavar="FILE", help="The result file (JSON), kept up to date.")
@click.option("--docs", type=options.PATH, metavar="FILE", help="Also write all results as FILE (Markdown).")
@click.option(
    "--readme",
    "readmes",
    type=options.PATH,
    multiple=True,
    metavar="FILE",
    help="Also replace the figures between their marks in FILE (Markdown); may be repeated.",
)
@click.option(
    "--cache", type=options.PATH, default=Path("out/bench-points"), help="Folder of points that were measured before."
)
@click.option("--ours/--no-ours", default=True, help="Measure our own points; without them the peers fill the cache.")
@options.threads(2, "Threads of a training of --part families.")
@click.option("--quick", is_flag=True, help="Few points of few codecs, each timed once: a look, not a result.")
@options.lpips
def bench(
    data: tuple[str, ...],
    lightmap: str | None,
    more: Path | None,
    parts: tuple[str, ...],
    results: Path | None,
    docs: Path | None,
    readmes: tuple[Path, ...],
    cache: Path,
    ours: bool,
    threads: int,
    quick: bool,
    lpips: options.LpipsChoice,
) -> None:
    """Measure ours and the peers on sets of lightmaps: known ones by name, folders of frames by path, or all.

    Known sets are the repository's samples and those found in --sets. A result file keeps the figures of sets and parts
    that are not measured now. Points are kept in --cache, ours by the code that made them, so that a second run
    measures only what changed.
    """
    import sys

    from todpack.decompressor.files import write_text
    from todpack.frames import AS_FOUND

    from ..errors import EvalError
    from ..machine import machine
    from ..measures.perceptual import LpipsAbsent
    from ..peers.cache import PointCache
    from ..peers.run import all_peers
    from ..tables import terminal
    from ..trials import require_families
    from .document import bench_document
    from .families import bench_families
    from .figures import marked_text, require_sample, write_figures
    from .rate import RateSettings, rate_of_set
    from .report import set_tables
    from .result import add, commit, folder_of, read_result, refuse_other_folders, write_result
    from .sets import bounds, chosen_sets, decisions
    from .speed import QUICK, SpeedSettings, speed_of_set

    parts = tuple(part for part in PARTS if part in parts)
    for path in (results, docs):
        if path is not None:
            options.prepare_output(path)
    for readme in readmes:
        marked_text(readme)
    found = read_result(results) if results is not None else {}
    if not (parts or found):
        raise EvalError("--part none: expected the --results of an earlier bench, found none")
    chosen = chosen_sets(data, more, lightmap) if parts else []
    refuse_other_folders(results, found, chosen)
    if readmes:
        require_sample(found, [one.name for one in chosen] if "rate" in parts else [])
    require_families(["gridmlp"] if "families" in parts else ["daybasis"], refined="families" in parts)
    measure = LpipsAbsent("left out by --quick") if quick or "rate" not in parts else lpips.load()
    points = PointCache(cache) if "rate" in parts else None
    command = f"todpack eval bench {' '.join(data)}".strip()

    def measured(part: str, one: Any, tell: Any) -> Any:
        if part == "rate":
            return rate_of_set(one, RateSettings(measure, points, ours, quick), tell)
        if part == "speed":
            return speed_of_set(one, QUICK if quick else SpeedSettings(), bounds("speed").get(one.name, {}), tell)
        return bench_families(one.path, lightmap=one.lightmap, threads=threads, progress=tell)

    failed = 0
    for one in chosen:  # what is unusual about one is said once, and not beside a line that is rewritten
        options.read_frames(one.path, AS_FOUND, one.lightmap)
    for part in parts:
        for one in chosen:
            if part == "families" and one.kind == "HDR":
                continue
            about = {"machine": machine(threads), "commit": commit(), "command": command, "folder": folder_of(one)}
            try:
                with ProgressLine(f"{part} {one.name}") as line:
                    value = measured(part, one, line.update)
            except EvalError as error:  # one set's error does not end the others
                click.echo(f"{one.name} failed: {error}", err=True)
                failed += 1
                continue
            if results is not None:
                found = read_result(results)  # another bench may have written there meanwhile
                refuse_other_folders(results, found, [one])
            add(found, part, one.name, value, about)
            if results is not None:
                found["definitions"] = {peer.name: peer.definition for peer in all_peers()}
                write_result(results, found)
            click.echo(terminal(set_tables(part, one.name, value, bounds("rate"))))
            sys.stdout.flush()
    if parts and failed == len(parts) * len(chosen):
        raise EvalError("nothing was measured")
    try:
        if docs is not None:
            write_text(docs, bench_document(found, bounds("rate"), decisions()))
            click.echo(str(docs))
        for readme in readmes:
            write_figures(readme, found)
            click.echo(str(readme))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise EvalError(f"{results}: expected figures as `todpack eval bench` writes them, found others") from error
