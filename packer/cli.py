"""`todpack pack`, `todpack inspect` and `todpack decompress`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    "pack",
    epilog="""
\b
Examples:
  todpack pack run -o courtyard.tod
  todpack pack run -o courtyard.tod --grid-dtype uint16 --mlp-dtype fp32
  todpack pack run -o courtyard.tod --percentile 99.9 --baseline-q-step 8
""",
    context_settings={"token_normalize_func": lambda token: token.replace("_", "-"), "show_default": True},
)
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="Archive to write (NAME.tod).")
@click.option(
    "--grid-dtype", type=click.Choice(["uint8", "uint16"]), default="uint8", help="Codes of the feature grids."
)
@click.option("--percentile", type=float, default=100.0, help="Range of the grids in percent; 100: min..max.")
@click.option("--mlp-dtype", type=click.Choice(["fp16", "fp32", "int8"]), default="fp16", help="Weights of the MLP.")
@click.option("--baseline-q-step", type=int, default=4, help="Bin width of the baseline frame in codes; 1: lossless.")
def pack(run_dir: Path, out: Path, grid_dtype: str, percentile: float, mlp_dtype: str, baseline_q_step: int) -> None:
    """Quantize and code the run folder RUN into one archive."""
    from packer.gridmlp import GridMlpPackOptions
    from packer.pack import pack_run

    options = GridMlpPackOptions(grid_dtype, percentile, mlp_dtype, baseline_q_step)
    result = pack_run(run_dir, out, options)
    click.echo(
        f"{result.path}: {result.archive_bytes} bytes; the model's arrays in fp32 take {result.fp32_bytes} bytes "
        f"({result.fp32_bytes / result.archive_bytes:.1f} x the archive)"
    )


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
@click.option("--image", type=click.Path(path_type=Path), help="Write a sample reconstruction (PNG).")
@click.option("--time", "time_h", type=float, default=12.0, show_default=True, help="Hour of the sample.")
@click.option("--metadata", is_flag=True, help="Print metadata.json only.")
def inspect(archive: Path, image: Path | None, time_h: float, metadata: bool) -> None:
    """Show an archive's sections, sizes, parameters and quantization."""
    from packer.inspect import describe, write_sample

    click.echo(describe(archive, metadata_only=metadata))
    if image is not None:
        write_sample(archive, image, time_h)


@click.command(
    "decompress",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def decompress(arguments: tuple[str, ...]) -> int:
    """Decode an archive; the same command as decompress.py."""
    from decompressor.cli import main

    return main(list(arguments), prog="todpack decompress")
