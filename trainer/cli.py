"""`todpack train`."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trainer.errors import ConfigError

if TYPE_CHECKING:
    from trainer.data import LightmapSequence

log = logging.getLogger("todpack.train")

SHARED_OPTIONS = {"overwrite", "quiet"}
DAYBASIS_OPTIONS = {"q_step", "tile", "n_levels", "rotate", "max_classes"}
GRIDMLP_OPTIONS = {
    "preset", "epochs", "batch_size", "samples_per_epoch", "hidden", "layers", "time_harmonics", "grid_levels",
    "channels_per_level", "lr", "grid_lr", "grad_clip", "patience", "residual_mode", "baseline_time", "seed", "device",
    "amp", "threads", "num_workers", "resume",
}  # fmt: skip

EXAMPLES = """
\b
Examples:
  todpack train samples/courtyard -o run
  todpack train --data-dir frames --mask valid.png --out-dir run --q-step 8
  todpack train frames -o run --family gridmlp --preset full --device cuda
  todpack train frames -o run --family gridmlp --epochs 50 --hidden 32 --channels-per-level 2
  todpack train frames -o run --family gridmlp --resume            # after an interruption
"""


def _levels(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(
            f"expected sizes separated by commas, such as 16,32,64,128, found {value!r}"
        ) from error


@click.command(
    "train",
    epilog=EXAMPLES,
    context_settings={"token_normalize_func": lambda token: token.replace("_", "-"), "show_default": True},
)
@click.argument("input_dir", metavar="[INPUT]", required=False, type=click.Path(path_type=Path))
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of frames; the same as INPUT.")
@click.option(
    "--mask", type=click.Path(path_type=Path), help="Mask image, 255 = valid. Default: valid.png by the frames."
)
@click.option("--out-dir", "-o", type=click.Path(path_type=Path), required=True, help="Run folder to write.")
@click.option("--family", type=click.Choice(["daybasis", "gridmlp"]), default="daybasis", help="Model family.")
@click.option("--q-step", type=float, help="daybasis: quantizer step the basis is made for.  [default: 16]")
@click.option("--tile", type=int, help="daybasis: side of the independent tiles.  [default: 512]")
@click.option("--levels", "n_levels", type=int, help="daybasis: levels of the wavelet pyramid.  [default: 5]")
@click.option("--rotate/--no-rotate", default=None, help="daybasis: find the sparse rotation.  [default: rotate]")
@click.option("--max-classes", type=int, help="daybasis: regional rotations at most; 1: none.  [default: 12]")
@click.option(
    "--preset", type=click.Choice(["fast", "full"]), default="fast", help="fast: CPU; full: the recipe's numbers."
)
@click.option("--epochs", type=int, help="Passes over samples-per-epoch.  [default: from the preset]")
@click.option("--batch-size", type=int, help="(texel, time) pairs per step.")
@click.option("--samples-per-epoch", type=int, help="(texel, time) pairs per epoch.")
@click.option("--hidden", type=int, help="Width of the hidden layers.")
@click.option("--layers", type=int, help="Number of hidden layers.")
@click.option("--time-harmonics", type=int, help="Periods a day, as sin and cos.")
@click.option("--grid-levels", callback=_levels, help="Grid sizes along the longer side, e.g. 16,32,64,128.")
@click.option("--channels-per-level", type=int, help="Features per grid node.")
@click.option("--lr", type=float, help="Learning rate of the MLP.")
@click.option("--grid-lr", type=float, help="Learning rate of the grids; 0 means 5 x lr.")
@click.option("--grad-clip", type=float, help="Largest gradient norm of the MLP; 0: off.")
@click.option("--patience", type=int, help="Stop after this many epochs without a better loss; 0: never.")
@click.option(
    "--residual-mode/--no-residual-mode", default=None, help="Learn rgb - baseline frame.  [default: residual]"
)
@click.option("--baseline-time", type=float, help="Hour of the baseline frame.  [default: 12]")
@click.option("--seed", type=int, help="Of initialisation and sampling.  [default: 0]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where to train.")
@click.option("--amp/--no-amp", default=False, help="bfloat16 autocast.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: torch's]")
@click.option(
    "--num-workers", type=click.IntRange(0), default=0, help="Accepted for the recipe's sake; no loader is needed."
)
@click.option("--resume", is_flag=True, help="Continue the run in --out-dir where it stopped.")
@click.option("--overwrite", is_flag=True, help="Replace a run that is already in --out-dir.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
@click.pass_context
def train(
    context: click.Context,
    /,
    input_dir: Path | None,
    data_dir: Path | None,
    mask: Path | None,
    out_dir: Path,
    family: str,
    **options: Any,
) -> None:
    """Train a model on a day of lightmaps: a folder of equally sized PNG/JPEG frames, sorted by name = time.

    The run folder gets config.json and arrays.npz for `todpack pack`; gridmlp adds log.csv, best.ckpt, last.ckpt and
    baseline.png. daybasis is found in closed form in seconds; gridmlp is trained by gradient descent and needs torch.
    """
    if (input_dir is None) == (data_dir is None):
        raise click.UsageError("give the folder of frames once: as INPUT or by --data-dir")
    given = {k for k in options if context.get_parameter_source(k) == click.core.ParameterSource.COMMANDLINE}
    foreign = sorted(given - SHARED_OPTIONS - (DAYBASIS_OPTIONS if family == "daybasis" else GRIDMLP_OPTIONS))
    if foreign:
        owner = "gridmlp" if family == "daybasis" else "daybasis"
        raise ConfigError(f"--{foreign[0].replace('_', '-')}: an option of --family {owner}, found --family {family}")
    from trainer.data import read_sequence

    values = {k: v for k, v in options.items() if v is not None}
    if family == "daybasis":
        _train_daybasis(read_sequence(input_dir or data_dir or "", mask), out_dir, values)
    else:
        _train_gridmlp(lambda: read_sequence(input_dir or data_dir or "", mask), out_dir, values)


def _warn(sequence: LightmapSequence) -> None:
    for warning in sequence.warnings:
        log.warning(warning)


def _train_daybasis(sequence: LightmapSequence, out_dir: Path, values: dict[str, Any]) -> None:
    try:
        from trainer.daybasis.config import DayBasisConfig
        from trainer.daybasis.train import train_daybasis
    except ModuleNotFoundError as error:
        raise ConfigError(f"daybasis needs {error.name}: pip install 'todpack[pack]'") from error
    _warn(sequence)
    config = DayBasisConfig(**{k: v for k, v in values.items() if k in DAYBASIS_OPTIONS})
    record = train_daybasis(sequence, config, out_dir, values["overwrite"])
    click.echo(
        f"{out_dir}: daybasis {record.width} x {record.height} x {len(record.hours)}, K = "
        f"{record.figures['n_components']}, {record.figures['train_seconds']:.1f} s"
    )


def _train_gridmlp(read: Callable[[], LightmapSequence], out_dir: Path, values: dict[str, Any]) -> None:
    from trainer.gridmlp.config import GridMlpConfig, load_preset

    known = {field.name for field in dataclasses.fields(GridMlpConfig)}
    config = GridMlpConfig.from_json(
        {**load_preset(values["preset"]), **{k: v for k, v in values.items() if k in known}}
    )
    if values["resume"] and values["overwrite"]:
        raise ConfigError("--resume, --overwrite: expected one of them, found both")
    sequence = read()
    _warn(sequence)
    if values["num_workers"]:
        log.warning("--num-workers %d: not used; batches are indexed from tensors in memory", values["num_workers"])
    try:
        import torch

        from trainer.gridmlp.train import train_gridmlp
    except ModuleNotFoundError as error:
        raise ConfigError(f"gridmlp needs {error.name}: pip install 'todpack[train]'") from error
    if "threads" in values:
        torch.set_num_threads(values["threads"])
    switches = {name: values[name] for name in ("device", "amp", "resume", "overwrite", "quiet")}
    record = train_gridmlp(sequence, config, out_dir, **switches)
    figures = record.figures
    click.echo(
        f"{out_dir}: gridmlp {record.width} x {record.height} x {len(record.hours)}, "
        f"{figures['parameters']} parameters, {figures['psnr_srgb_db']:.2f} dB before quantization, "
        f"{figures['epochs']} epochs in {figures['train_seconds']:.0f} s"
    )
