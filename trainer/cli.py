"""`todpack train`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from trainer.errors import ConfigError

log = logging.getLogger("todpack.train")

EXAMPLES = """
\b
Examples:
  todpack train samples/courtyard -o run
  todpack train --data-dir frames --mask valid.png --out-dir run --preset full --device cuda
  todpack train frames -o run --epochs 50 --hidden 32 --channels-per-level 2
  todpack train frames -o run --resume            # after an interruption
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
@click.option("--family", type=click.Choice(["gridmlp"]), default="gridmlp", help="Model family.")
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
def train(
    input_dir: Path | None,
    data_dir: Path | None,
    mask: Path | None,
    out_dir: Path,
    family: str,
    preset: str,
    device: str,
    amp: bool,
    threads: int | None,
    num_workers: int,
    resume: bool,
    overwrite: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Train a model on a day of lightmaps: a folder of equally sized PNG/JPEG frames, sorted by name = time.

    The run folder gets config.json and arrays.npz (for `todpack pack`), log.csv, best.ckpt, last.ckpt, baseline.png.
    """
    if (input_dir is None) == (data_dir is None):
        raise click.UsageError("give the folder of frames once: as INPUT or by --data-dir")
    from trainer.data import read_sequence
    from trainer.gridmlp.config import GridMlpConfig, load_preset

    config = GridMlpConfig.from_json({**load_preset(preset), **{k: v for k, v in options.items() if v is not None}})
    if resume and overwrite:
        raise ConfigError("--resume, --overwrite: expected one of them, found both")
    sequence = read_sequence(input_dir or data_dir or "", mask)
    for warning in sequence.warnings:
        log.warning(warning)
    if num_workers:
        log.warning("--num-workers %d: not used; batches are indexed from tensors in memory", num_workers)
    try:
        import torch

        from trainer.gridmlp.train import train_gridmlp
    except ModuleNotFoundError as error:
        raise ConfigError(f"training needs {error.name}: pip install 'todpack[train]'") from error
    if threads:
        torch.set_num_threads(threads)
    record = train_gridmlp(
        sequence, config, out_dir, device=device, amp=amp, resume=resume, overwrite=overwrite, quiet=quiet
    )
    figures = record.figures
    click.echo(
        f"{out_dir}: {record.family} {record.width} x {record.height} x {len(record.hours)}, {figures['parameters']} "
        f"parameters, {figures['psnr_srgb_db']:.2f} dB before quantization, {figures['epochs']} epochs in "
        f"{figures['train_seconds']:.0f} s"
    )
