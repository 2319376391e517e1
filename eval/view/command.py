"""`todpack view`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    "view",
    epilog="""
\b
Examples:
  todpack view scene.tod -o view.html
  todpack view level.tod -o view.html --lightmap L_Annex_0
""",
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="Page to write (NAME.html).")
@click.option("--lightmap", default="0", help="Which lightmap: its name or its position.")
def view(archive: Path, out: Path, lightmap: str) -> None:
    """Write one HTML page that decodes ARCHIVE in the browser: any hour, down to single texels.

    The page needs WebGL2 and nothing else: no network, no server. It shows the same values as `todpack decompress`
    within 1 code.
    """
    from todpack.decompressor.files import check_output, check_suffix, write_atomic

    from .page import build_page

    check_output(out)
    check_suffix(out, ".html")
    page, packed = build_page(archive, lightmap)
    data = page.encode("utf-8")
    write_atomic(out, lambda file: file.write(data))
    click.echo(
        f"{out}: {len(data)} bytes, {len(packed.values)} latent maps as {packed.kind}, "
        f"values within {packed.error_codes:.2f} codes before rounding"
        if packed.kind == "uint16"
        else f"{out}: {len(data)} bytes, {len(packed.values)} latent maps as float32"
    )
