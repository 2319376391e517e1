"""`todpack compress`, `todpack pack`, `todpack inspect` and `todpack decompress`."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .errors import PackError

log = logging.getLogger("todpack.compress")

# each module has OPTIONS by name, and pack(run, out, values)
FAMILIES = {
    "daybasis": "daybasis.command",
    "gridmlp": "gridmlp_command",
    "siren": "siren_command",
}


LINEAR_OPTIONS = ("transfer", "reweight")
CONFIG_OPTIONS = ("tile", "n_levels", "rotate", "max_classes", "transfer", "reweight")


def _command(family: str) -> Any:
    return importlib.import_module(f".{FAMILIES[family]}", __package__)


def _normalize(token: str) -> str:
    return token.replace("_", "-")


def _option_decorators(*families: str) -> Callable[[Any], Any]:
    """Declare the options of some families, each once."""

    def declare(command: Any) -> Any:
        decorators: dict[str, Callable[[Any], Any]] = {}
        for family in families:
            decorators |= _command(family).OPTIONS
        for decorator in reversed(decorators.values()):
            command = decorator(command)
        return command

    return declare


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
@_option_decorators(*FAMILIES)
@click.pass_context
def pack(context: click.Context, /, run_dir: Path, out: Path, **options: Any) -> None:
    """Quantize and code the run folder RUN into one archive.

    A run of the family daybasis takes a step or a target; a gridmlp run takes the types of its grids and weights;
    a siren run takes its storage.
    """
    from .run_folder import read_run

    run = read_run(run_dir)
    if run.family not in FAMILIES:
        raise PackError(f"{run_dir}: expected a family of {', '.join(FAMILIES)}, found {run.family!r}")
    given = {k for k in options if context.get_parameter_source(k) == click.core.ParameterSource.COMMANDLINE}
    foreign = sorted(given - set(_command(run.family).OPTIONS))
    if foreign:
        raise PackError(
            f"--{foreign[0].replace('_', '-')}: not an option of family {run.family}, which {run_dir} holds"
        )
    if run.family == "daybasis":
        _command(run.family).pack(run, out, options, context.obj)
    else:
        _command(run.family).pack(run, out, options)


@click.command(
    "compress",
    epilog="""
\b
Examples:
  todpack compress samples/courtyard -o courtyard.tod
  todpack compress samples/courtyard -o courtyard.tod --target-psnr 42
  todpack compress frames --mask valid.png -o scene.tod --target-size 250000
  todpack compress Data_HPRC -o level.tod --target-psnr 55 --jobs 4
  todpack compress Data_HPRC -o one.tod --lightmap L_Courtyard_0
""",
    context_settings={"token_normalize_func": _normalize, "show_default": True},
)
@click.argument("input_dir", metavar="INPUT", type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="Archive to write (NAME.tod).")
@click.option("--mask", type=click.Path(path_type=Path), help="Mask image, 255 = valid.  [default: valid.png]")
@_option_decorators("daybasis")
@click.option("--tile", type=int, default=512, help="Side of the independent tiles.")
@click.option("--levels", "n_levels", type=int, default=5, help="Levels of the wavelet pyramid.")
@click.option("--rotate/--no-rotate", default=True, help="Find the sparse rotation.")
@click.option("--max-classes", type=int, default=12, help="Regional rotations at most; 1: none.")
@click.option("--transfer", default="gamma", help="Domain of linear radiance: gamma, linear or log.")
@click.option("--reweight", type=int, default=1, help="Linear: trial codings that trade busy hours for bytes.")
@click.option("--lightmap", help="Only this one of a contest dataset, such as L_Courtyard_0.")
@click.option("--jobs", type=int, help="Lightmaps coded at once.  [default: the number of cores]")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", help="Where jobs run.")
@click.pass_context
def compress(
    context: click.Context,
    /,
    input_dir: Path,
    out: Path,
    mask: Path | None,
    lightmap: str | None,
    jobs: int | None,
    engine: str,
    **options: Any,
) -> None:
    """Compress a folder of frames, or a contest dataset with all its lightmaps, into one archive.

    Train and pack in one go, in closed form, without torch. Frames as arrays (tod_*.npy, uint8) are read tile by tile
    and may be larger than memory.
    """
    from todpack.decompressor.files import check_output
    from todpack.frames import FrameArrays, TileSource, is_dataset, is_frame_arrays, read_day

    from .daybasis.command import asked_refine, encode
    from .daybasis.config import DayBasisConfig
    from .progress import StageBars

    check_output(out)
    if jobs is not None and jobs < 1:
        raise PackError(f"--jobs: expected a number >= 1, found {jobs}")
    config = DayBasisConfig(**{name: options[name] for name in CONFIG_OPTIONS})
    refine = asked_refine(options, context.obj)
    if is_dataset(input_dir) and lightmap is None:
        from .dataset.command import compress_dataset

        if mask is not None:
            raise PackError(f"{mask}: a contest dataset has masks of its own; expected no --mask")
        compress_dataset(input_dir, out, config, options, refine, jobs, engine)
        return
    day: TileSource
    if is_frame_arrays(input_dir):
        if mask is not None or lightmap is not None:
            name, expected = ("mask", "valid.npy beside the frames") if mask is not None else ("lightmap", "none")
            raise PackError(f"--{name}: frames as arrays are one lightmap with its mask; expected {expected}")
        day = FrameArrays(input_dir)
    else:
        read = read_day(input_dir, mask, lightmap=lightmap)
        for warning in read.warnings:
            log.warning(warning)
        day = read
    if day.transfer == "srgb8":
        for name in LINEAR_OPTIONS:
            if context.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE:
                raise PackError(f"--{name}: an option of linear radiance, found 8-bit frames in {input_dir}")
    with StageBars() as bars:
        encode(day, config, out, options, refine, progress=bars)


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
    from todpack.decompressor.files import check_output, check_suffix

    from .inspect import describe, write_sample

    if image is not None:
        check_output(image)
        check_suffix(image, ".png")
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
    from todpack.decompressor.cli import main

    return main(list(arguments), prog="todpack decompress")
