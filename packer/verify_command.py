"""`todpack verify`."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click

from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.plain_text import one_line
from todpack.decompressor.verify import Verdict, verify_archive

from .progress import ProgressLine

MORE = "the rest would take longer than a file of this size may (--limits)"


def _decoded(verdict: Verdict) -> str:
    if verdict.n_unread:
        n = verdict.n_sections - verdict.n_unread
        return f"{n} sections and {verdict.n_frames} of {verdict.n_frames_in_all} frames decoded; {MORE}"
    if verdict.n_frames == verdict.n_frames_in_all:
        return f"{verdict.n_frames} frames decoded"
    if verdict.n_tiles == verdict.n_tiles_in_all:
        return f"every tile and {verdict.n_frames} of {verdict.n_frames_in_all} frames decoded; {MORE}"
    return f"{verdict.n_tiles} of {verdict.n_tiles_in_all} tiles decoded; {MORE}"


def _lines(verdict: Verdict, require_digest: bool) -> list[str]:
    path = one_line(str(verdict.path))  # it may have line ends
    if not verdict.whole:
        return [f"{path}: damaged: {fault}" for fault in verdict.faults]
    sealed = ", digest matches" if verdict.digest == "matches" else ""
    unsealed = "whole, unsealed, which --require-digest refuses" if require_digest else "whole, unsealed"
    whole = "whole" if sealed else unsealed
    return [f"{path}: {whole}: {verdict.file_bytes} bytes, {verdict.n_sections} sections{sealed}, {_decoded(verdict)}"]


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
@click.option(
    "--require-digest", is_flag=True, help="An archive without a digest, of an older writer, is not accepted."
)
def verify(archives: tuple[Path, ...], as_json: bool, threads: int | None, factor: float, require_digest: bool) -> int:
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
                click.echo("\n".join(_lines(verdict, require_digest)))
    if as_json:
        click.echo(json.dumps([verdict.to_json() for verdict in verdicts], indent=2, sort_keys=True))
    sealed = [verdict.digest == "matches" or not require_digest for verdict in verdicts]
    return 0 if all(sealed) and all(verdict.whole for verdict in verdicts) else 1
