"""`todpack verify`."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click

from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.verify import Verdict, verify_archive

from .progress import ProgressLine


def _lines(verdict: Verdict) -> list[str]:
    if verdict.whole:
        digest = "digest matches" if verdict.digest == "matches" else "no digest (an older writer's)"
        return [
            f"{verdict.path}: whole: {verdict.file_bytes} bytes, {verdict.n_sections} sections, {digest}, "
            f"{verdict.n_frames} frames decoded"
        ]
    return [f"{verdict.path}: damaged: {fault}" for fault in verdict.faults]


@click.command(
    "verify",
    epilog="""
\b
Examples:
  todpack verify courtyard.tod
  todpack verify levels/*.tod --json
""",
)
@click.argument("archives", metavar="ARCHIVE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print an array of verdicts for machines.")
@click.option("--threads", type=int, help="Decoder threads.  [default: what the machine has]")
@click.option(
    "--limits", "factor", type=click.FloatRange(1, 1e6), default=1, help="Multiply the reader's limits by this."
)
def verify(archives: tuple[Path, ...], as_json: bool, threads: int | None, factor: float) -> int:
    """Check archives: header, every section, the digest, the graphs, and every frame of every lightmap.

    Says exactly which section or tile is damaged; exit code 1 if any is.
    """
    if not math.isfinite(factor):  # click's range lets NaN pass
        raise click.BadParameter(f"expected a finite number, found {factor}", param_hint="--limits")
    verdicts: list[Verdict] = []
    with ProgressLine("verify", "archive", len(archives)) as line:
        for done, path in enumerate(archives):

            def say(what: str, done: int = done) -> None:
                line.update(done, note=what)

            verdict = verify_archive(path, threads=threads, limits=DEFAULT_LIMITS.scaled(factor), say=say)
            verdicts.append(verdict)
            if not as_json:
                line.clear()
                click.echo("\n".join(_lines(verdict)))
    if as_json:
        click.echo(json.dumps([verdict.to_json() for verdict in verdicts], indent=2, sort_keys=True))
    return 0 if all(verdict.whole for verdict in verdicts) else 1
