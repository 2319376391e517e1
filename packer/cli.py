"""`todpack compress`, `todpack pack`, `todpack inspect` and `todpack decompress`."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from packer.errors import PackError

if TYPE_CHECKING:
    from packer.daybasis.pack import PackedDay
    from trainer.data import LightmapSequence
    from trainer.daybasis.closed_form import TemporalTransform
    from trainer.daybasis.config import DayBasisConfig

log = logging.getLogger("todpack.compress")

GRIDMLP_OPTIONS = {"grid_dtype", "percentile", "mlp_dtype", "baseline_q_step"}
DAYBASIS_OPTIONS = {"q_step", "target_psnr", "target_size", "rd_weight", "entropy", "refine"}


def _normalize(token: str) -> str:
    return token.replace("_", "-")


def _target_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of the family daybasis that `pack` and `compress` share."""
    for option in (
        click.option(
            "--refine",
            type=click.Choice(["none", "fast", "full"]),
            default="none",
            help="About 6 % fewer bytes; needs torch.",
        ),
        click.option(
            "--entropy", type=click.Choice(["ans", "zstd"]), default="ans", help="zstd: larger, no constriction."
        ),
        click.option(
            "--rd-weight", type=float, default=0.1, help="Squared steps that a bit is worth; 0: plain rounding."
        ),
        click.option("--target-size", type=int, help="Archive size in bytes to meet (within 1 %, not above)."),
        click.option("--target-psnr", type=float, help="PSNR in dB to meet (within 0.05 dB)."),
        click.option("--q-step", type=float, help="Quantizer step in codes.  [default: 16, or the run's]"),
    ):
        command = option(command)
    return command


def _report(out: Path, day: PackedDay) -> None:
    click.echo(
        f"{out}: {day.size_bytes} bytes, {day.psnr_srgb_db:.2f} dB, q_step {day.q_step:g}, K = {day.n_components}"
    )


@click.command(
    "pack",
    epilog="""
\b
Examples:
  todpack pack run -o courtyard.tod
  todpack pack run -o courtyard.tod --target-psnr 42
  todpack pack run -o courtyard.tod --target-size 100000 --entropy zstd
  todpack pack gridmlp_run -o courtyard.tod --grid-dtype uint16 --mlp-dtype fp32
""",
    context_settings={"token_normalize_func": _normalize, "show_default": True},
)
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="Archive to write (NAME.tod).")
@_target_options
@click.option(
    "--grid-dtype", type=click.Choice(["uint8", "uint16"]), default="uint8", help="gridmlp: codes of the grids."
)
@click.option("--percentile", type=float, default=100.0, help="gridmlp: range of the grids in percent; 100: min..max.")
@click.option("--mlp-dtype", type=click.Choice(["fp16", "fp32", "int8"]), default="fp16", help="gridmlp: MLP weights.")
@click.option(
    "--baseline-q-step", type=int, default=4, help="gridmlp: bin width of the baseline in codes; 1: lossless."
)
@click.pass_context
def pack(context: click.Context, /, run_dir: Path, out: Path, **options: Any) -> None:
    """Quantize and code the run folder RUN into one archive.

    A run of the family daybasis takes a step or a target; a gridmlp run takes the types of its grids and weights.
    """
    from packer.gridmlp import GridMlpPackOptions
    from packer.pack import pack_run, read_daybasis_run
    from packer.run_folder import read_run

    run = read_run(run_dir)
    given = {k for k in options if context.get_parameter_source(k) == click.core.ParameterSource.COMMANDLINE}
    foreign = sorted(given & (GRIDMLP_OPTIONS if run.family == "daybasis" else DAYBASIS_OPTIONS))
    if foreign:
        raise PackError(
            f"--{foreign[0].replace('_', '-')}: not an option of family {run.family}, which {run_dir} holds"
        )
    if run.family == "daybasis":
        sequence, config, found = read_daybasis_run(run)
        _encode(sequence, config, out, options, found)
        return
    result = pack_run(run_dir, out, GridMlpPackOptions(**{k: v for k, v in options.items() if k in GRIDMLP_OPTIONS}))
    click.echo(
        f"{result.path}: {result.archive_bytes} bytes; grids and MLP take {result.model_bytes} of them, "
        f"{result.fp32_bytes / result.model_bytes:.1f} x less than in fp32 ({result.fp32_bytes} bytes)"
    )


def _encode(
    sequence: LightmapSequence,
    config: DayBasisConfig,
    out: Path,
    options: dict[str, Any],
    found: TemporalTransform | None,
) -> None:
    from packer.compress import encode_day, write_day
    from packer.container import check_target
    from packer.daybasis.pack import DayBasisPackOptions

    if options["q_step"] is not None:
        if options["target_psnr"] is not None or options["target_size"] is not None:
            raise PackError("--q-step: expected a step or a target, found both")
        config = dataclasses.replace(config, q_step=options["q_step"])
    check_target(out)
    day = encode_day(
        sequence,
        config,
        DayBasisPackOptions(options["rd_weight"], options["entropy"], options["refine"]),
        found=found,
        target_psnr_db=options["target_psnr"],
        target_size_bytes=options["target_size"],
    )
    write_day(day, out)
    _report(out, day)


@click.command(
    "compress",
    epilog="""
\b
Examples:
  todpack compress samples/courtyard -o courtyard.tod
  todpack compress samples/courtyard -o courtyard.tod --target-psnr 42
  todpack compress frames --mask valid.png -o scene.tod --target-size 250000
""",
    context_settings={"token_normalize_func": _normalize, "show_default": True},
)
@click.argument("input_dir", metavar="INPUT", type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="Archive to write (NAME.tod).")
@click.option("--mask", type=click.Path(path_type=Path), help="Mask image, 255 = valid.  [default: valid.png]")
@_target_options
@click.option("--tile", type=int, default=512, help="Side of the independent tiles.")
@click.option("--levels", "n_levels", type=int, default=5, help="Levels of the wavelet pyramid.")
@click.option("--rotate/--no-rotate", default=True, help="Find the sparse rotation.")
@click.option("--max-classes", type=int, default=12, help="Regional rotations at most; 1: none.")
def compress(input_dir: Path, out: Path, mask: Path | None, **options: Any) -> None:
    """Compress a folder of frames into one archive: train and pack in one go, in closed form, without torch."""
    from trainer.data import read_sequence
    from trainer.daybasis.config import DayBasisConfig

    config = DayBasisConfig(**{name: options[name] for name in ("tile", "n_levels", "rotate", "max_classes")})
    sequence = read_sequence(input_dir, mask)
    for warning in sequence.warnings:
        log.warning(warning)
    _encode(sequence, config, out, options, None)


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
