"""`todpack export-latent`, `todpack infer` and `todpack batch-infer`: what people who deploy with torch need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from todpack.decompressor.errors import OutputError, needs
from todpack.packer.errors import ConfigError
from todpack.packer.progress import ProgressLine

if TYPE_CHECKING:
    from .infer import Predict

_PATH = click.Path(path_type=Path)
CONTEXT = {"token_normalize_func": lambda token: token.replace("_", "-"), "show_default": True}


def _source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--baseline-path", type=_PATH, help="Baseline frame of a residual model.  [baseline.png by CKPT]"),
        click.option("--f2-path", type=_PATH, help="f2_state_dict.pt of an export."),
        click.option("--latent-path", type=_PATH, help="latent_map.npy of an export."),
        click.option("--ckpt", type=_PATH, help="Checkpoint of a siren or gridmlp run."),
    ):
        command = option(command)
    return command


def _predictor(
    ckpt: Path | None, latent_path: Path | None, f2_path: Path | None, baseline_path: Path | None
) -> Predict:
    exports = latent_path is not None and f2_path is not None
    if (ckpt is None) != exports or (ckpt is not None and (latent_path or f2_path)):
        raise click.UsageError("give either --ckpt, or --latent-path and --f2-path")
    with needs("train", "inference by torch"):
        from .infer import checkpoint_predictor, exported_predictor
    if ckpt is not None:
        return checkpoint_predictor(ckpt, baseline_path)
    assert latent_path is not None and f2_path is not None
    return exported_predictor(latent_path, f2_path, baseline_path)


def _check_hour(option: str, time_h: float) -> None:
    if not 0.0 <= time_h < 24.0:
        raise ConfigError(f"{option}: expected an hour in [0, 24), found {time_h:g}")


@click.command(
    "export-latent",
    epilog="""
\b
Examples:
  todpack export-latent --ckpt run/best.ckpt -o exports
""",
    context_settings=CONTEXT,
)
@click.option("--ckpt", type=_PATH, required=True, help="Checkpoint of a siren run.")
@click.option("--out-dir", "-o", type=_PATH, required=True, help="Folder to write.")
@click.option("--overwrite", is_flag=True, help="Replace files of these names.")
def export_latent(ckpt: Path, out_dir: Path, overwrite: bool) -> None:
    """Evaluate F1 of a siren once and write what deployment needs.

    latent_map.npy (H x W x D, float32), f2_state_dict.pt, and f2_ts.pt, TorchScript that takes (N, D) latents and (T,)
    hours and gives (N, T, 3) colors from 0 to 1 (rgb - baseline for residual models). It is for other programs: todpack
    itself reads the weights, never TorchScript.
    """
    from todpack.decompressor.files import place_of

    with needs("train", "the export"):
        from .infer import load_siren
        from .run_folder import EXPORT_NAMES
        from .siren.export import write_exports
    there = [out_dir / name for name in EXPORT_NAMES if (place_of(out_dir) / name).exists()]
    if there and not overwrite:
        raise OutputError(f"{there[0]}: is there already; replace it by --overwrite")
    write_exports(load_siren(ckpt), out_dir)
    click.echo(f"{out_dir}: {', '.join(EXPORT_NAMES)}")


@click.command(
    "infer",
    epilog="""
\b
Examples:
  todpack infer --ckpt run/best.ckpt --time 12 --out recon_12.png
  todpack infer --latent-path exports/latent_map.npy --f2-path exports/f2_state_dict.pt --time 18.5 --out recon.png
""",
    context_settings=CONTEXT,
)
@_source_options
@click.option("--time", "time_h", type=float, required=True, help="Hour in [0, 24), stored or not.")
@click.option("--out", "-o", type=_PATH, required=True, help="PNG to write.")
def infer(
    ckpt: Path | None,
    latent_path: Path | None,
    f2_path: Path | None,
    baseline_path: Path | None,
    time_h: float,
    out: Path,
) -> None:
    """Make one frame by torch, from a checkpoint or from an export."""
    from todpack.decompressor.files import check_output, check_suffix, make_folder, refuse_inputs
    from todpack.decompressor.frame_files import write_frame

    _check_hour("--time", time_h)
    check_suffix(out, ".png")
    if ckpt is not None and baseline_path is None:
        from .run_folder import BASELINE_NAME

        refuse_inputs(out, [ckpt.parent / BASELINE_NAME])
    predict = _predictor(ckpt, latent_path, f2_path, baseline_path)
    make_folder(out.parent)
    check_output(out)
    write_frame(out, predict(time_h), "png")
    click.echo(f"{out}: {time_h:g} h")


@click.command(
    "batch-infer",
    epilog="""
\b
Examples:
  todpack batch-infer --ckpt run/best.ckpt --start-hour 0 --end-hour 23 --out-dir frames
""",
    context_settings=CONTEXT,
)
@_source_options
@click.option("--start-hour", type=int, default=0, help="First hour.")
@click.option("--end-hour", type=int, default=23, help="Last hour.")
@click.option("--out-dir", "-o", type=_PATH, required=True, help="Folder for recon_00.png ...")
@click.option(
    "--ema", type=float, default=0.0, show_default=True, help="Share of the hour before in each frame, under 1."
)
@click.option("--overwrite", is_flag=True, help="Replace files that todpack did not write.")
def batch_infer(
    ckpt: Path | None,
    latent_path: Path | None,
    f2_path: Path | None,
    baseline_path: Path | None,
    start_hour: int,
    end_hour: int,
    out_dir: Path,
    ema: float,
    overwrite: bool,
) -> None:
    """Make the frames of whole hours by torch, from a checkpoint or from an export.

    With `--ema A`, each is A times the one that was written before, plus 1 - A times its own.
    """
    import numpy as np

    from todpack.decompressor.files import check_outputs, make_folder
    from todpack.decompressor.frame_files import write_frame

    if not 0.0 <= ema < 1.0:
        raise ConfigError(f"--ema: expected a number from 0 to under 1, found {ema:g}")
    _check_hour("--start-hour", start_hour)
    _check_hour("--end-hour", end_hour)
    if end_hour < start_hour:
        raise ConfigError(f"--end-hour: expected {start_hour} (--start-hour) or more, found {end_hour}")
    files = {hour: out_dir / f"recon_{hour:02d}.png" for hour in range(start_hour, end_hour + 1)}
    check_outputs(files.values(), [] if baseline_path is None else [baseline_path], overwrite=overwrite)
    predict = _predictor(ckpt, latent_path, f2_path, baseline_path)
    make_folder(out_dir)
    smooth = np.zeros((), np.float32)
    with ProgressLine("infer", "frame", len(files)) as line:
        for done, (hour, file) in enumerate(files.items()):
            line.update(done)
            frame = predict(float(hour)).astype(np.float32)
            smooth = (frame if done == 0 else ema * smooth + (1.0 - ema) * frame).astype(np.float32)
            write_frame(file, np.rint(smooth).astype(np.uint8), "png")
    click.echo(f"{out_dir}: {len(files)} frames")
