"""`todpack eval peers`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from todpack.decompressor.files import write_text
from todpack.frames.options import frame_options
from todpack.frames.read_options import ReadOptions

from ..options import CONTEXT, PATH, chosen_lpips, finite, numbers, prepare_output, progress_bar, warn

EXAMPLES = """
\b
Examples:
  todpack eval peers frames
  todpack eval peers frames --crf 12,16,20 --distance 1 --psnr 40,42 --json
  todpack eval peers frames --peers x265,svt-av1,avif --json-out peers.json
  todpack eval peers frames --peers mlp,ndgi --train-seconds 300
"""


@click.command(
    "peers",
    short_help="Bytes, quality and times of ours and of other codecs.",
    epilog=EXAMPLES,
    context_settings=CONTEXT,
)
@click.argument("data_path", metavar="INPUT", type=PATH)
@frame_options
@click.option("--lightmap", help="Which one of a dataset, such as L_Courtyard_0.")
@click.option("--peers", "names", help="Some peers by name, separated by commas.  [default: all]")
@click.option("--crf", "crfs", callback=numbers, default="8,12,16,20", help="Rate factors of x265.")
@click.option("--distance", "distances", callback=numbers, default="0.5,1,2,3", help="Distances of JPEG XL.")
@click.option(
    "--train-seconds",
    type=click.FloatRange(min=0.1),
    default=60.0,
    callback=finite,
    help="Training of a neural peer, per setting.",
)
@click.option("--psnr", "targets_db", callback=numbers, default="", help="Also say the bytes at these PSNRs.")
@click.option("--lpips-weights", type=PATH, help="AlexNet weights, as for score.")
@click.option("--no-lpips", is_flag=True, help="Leave LPIPS out.")
@click.option("--json-out", type=PATH, metavar="FILE", help="Also write the JSON object to FILE.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def peers(
    data_path: Path,
    reading: ReadOptions,
    lightmap: str | None,
    names: str | None,
    crfs: tuple[float, ...],
    distances: tuple[float, ...],
    train_seconds: float,
    targets_db: tuple[float, ...],
    lpips_weights: Path | None,
    no_lpips: bool,
    json_out: Path | None,
    as_json: bool,
) -> None:
    """Code the frames of INPUT by ours and by other codecs and models: bytes, quality, times, BD-rate against x265.

    x265, SVT-AV1, JPEG XL, AVIF, WebP, PNG, BC7 (BC6H for radiance), and reimplementations: PCA with vector
    quantization, the contest's kind of MLP, an NDGI-style model. What is not installed is named as absent.
    """
    from todpack.frames import read_day

    from ..measures.frames import as_codes
    from .compare import all_peers, chosen_peers, compare
    from .report import comparison_json, comparison_table

    chosen = chosen_peers(all_peers(crfs, distances, train_seconds), names.split(",") if names else ())
    if json_out is not None:
        prepare_output(json_out)
    day = read_day(data_path, lightmap=lightmap, **vars(reading))
    for warning in day.warnings:
        warn(warning)
    lpips = chosen_lpips(lpips_weights, no_lpips)
    with progress_bar("peers") as advance:
        frames = as_codes(day.radiance) if day.transfer == "srgb8" else day.radiance
        found = compare(frames, day.valid, chosen, lpips, advance)
    n_valid = int(day.valid.sum())
    text = json.dumps(
        comparison_json(found, n_valid, day.n_frames, day.transfer, targets_db), indent=2, allow_nan=False
    )
    if json_out is not None:
        write_text(json_out, text + "\n")
    click.echo(text if as_json else comparison_table(found, n_valid, day.n_frames, targets_db))
