"""`todpack view`."""

from __future__ import annotations

from pathlib import Path

import click

from .. import options


@options.command(
    "view",
    "Archive -> one HTML page that decodes it in the browser.",
    "todpack view scene.tod -o view.html",
    "todpack view level.tod -o view.html --lightmap L_Annex_0",
)
@options.archive
@click.option("--out", "-o", type=options.PATH, required=True, help="Page to write (NAME.html).")
@click.option("--lightmap", help="Which lightmap: its name or its position.  [default: the first]")
def view(archive: Path, out: Path, lightmap: str | None) -> None:
    """Write one HTML page that decodes ARCHIVE in the browser: any hour, down to single texels.

    The page needs WebGL2 and nothing else: no network, no server. It shows the same values as `todpack decompress`
    within 1 code.
    """
    from todpack.decompressor.files import check_output, check_suffix, write_text

    from .page import build_page

    check_output(out)
    check_suffix(out, ".html")
    page = build_page(archive, lightmap)
    write_text(out, page.text)
    click.echo(f"{out}: {out.stat().st_size} bytes, with {page.carries}")
