"""`todpack pack`, `todpack inspect` and `todpack decompress`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .daybasis.command import DAYBASIS
from .errors import PackError
from .family import add_options, refuse_foreign
from .gridmlp.command import GRIDMLP
from .siren.command import SIREN

NOON = 12.0
FAMILIES = {family.name: family for family in (DAYBASIS, GRIDMLP, SIREN)}


def _normalize(token: str) -> str:
    return token.replace("_", "-")


@click.command(
    "pack",
    epilog="""
\b
Examples:
  todpack pack run -o courtyard.tod
  todpack pack run -o courtyard.tod --target-psnr 42
  todpack pack run -o courtyard.tod --target-size 100000 --entropy zstd
  todpack pack gridmlp_run -o courtyard.tod --grid-dtype uint16 --mlp-dtype fp32
  todpack pack siren_run -o courtyard.tod --storage latent --latent-downsample 2 --latent-bits 6
""",
    context_settings={"token_normalize_func": _normalize, "show_default": True},
)
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="Archive to write (NAME.tod).")
@click.pass_context
def pack(context: click.Context, /, run_dir: Path, out: Path, **options: Any) -> None:
    """Quantize and code the run folder RUN into one archive.

    A run of the family daybasis takes a step or a target; a gridmlp run takes the types of its grids and weights;
    a siren run takes its storage.
    """
    from todpack.decompressor.files import check_output, check_suffix

    from .run_folder import read_run

    run = read_run(run_dir)
    check_output(out)
    check_suffix(out, ".tod")
    if run.family not in FAMILIES:
        raise PackError(f"{run_dir}: expected a family of {', '.join(FAMILIES)}, found {run.family!r}")
    refuse_foreign(context, FAMILIES, run.family, f"family {run.family} in {run_dir}")
    FAMILIES[run.family].run(run, out, options)


add_options(pack, tuple(FAMILIES.values()))


@click.command(
    "inspect",
    epilog="""
\b
Examples:
  todpack inspect courtyard.tod
  todpack inspect courtyard.tod --image noon.png --time 12
  todpack inspect courtyard.tod --metadata | python -m json.tool
""",
)
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--image", type=click.Path(path_type=Path), help="Write a decoded frame (PNG), as decompress does.")
@click.option("--time", "time_h", type=float, help="Hour of the frame.  [default: 12]")
@click.option("--lightmap", help="Only this one, by name or number, and its frame.  [default: all; the first]")
@click.option("--metadata", is_flag=True, help="Print metadata.json only.")
def inspect(archive: Path, image: Path | None, time_h: float | None, lightmap: str | None, metadata: bool) -> None:
    """Show an archive's sections, sizes, parameters and quantization."""
    from todpack.decompressor.files import check_output, check_suffix

    from .inspect import describe, write_sample

    if time_h is not None and not 0.0 <= time_h < 24.0:
        raise PackError(f"--time: expected an hour in [0, 24), found {time_h:g}")
    if time_h is not None and image is None:
        raise PackError("--time: expected it with --image, of which it is the hour")
    if image is not None:
        check_output(image)
        check_suffix(image, ".png")
    described = describe(archive, metadata_only=metadata, lightmap=lightmap)
    if image is not None:
        write_sample(archive, image, NOON if time_h is None else time_h, lightmap)
    click.echo(described)


@click.command(
    "decompress",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def decompress(arguments: tuple[str, ...]) -> int:
    """Decode an archive; the same command as decompress.py."""
    from todpack.decompressor.cli import command

    return command(list(arguments), prog="todpack decompress")
