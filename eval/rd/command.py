"""`todpack eval rd`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from todpack.decompressor.files import write_text
from todpack.frames.options import frame_options
from todpack.frames.read_options import ReadOptions

from ..options import CONTEXT, COUNT, PATH, numbers, progress_bar, warn

if TYPE_CHECKING:
    from todpack.frames import Day

EXAMPLES = """
\b
Examples:
  todpack eval rd frames -o rd
  todpack eval rd frames -o rd --sweeps daybasis,gridmlp --repeats 3
  todpack eval rd frames -o rd --sweeps daybasis --crf "" --distance "" --no-lpips
"""


def _peer_curves(
    day: Day, crfs: tuple[float, ...], distances: tuple[float, ...], lpips: Any
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """x265 and JPEG XL in the form of a sweep's curves."""
    from ..measures.frames import as_codes
    from ..measures.metrics import bits_per_texel
    from ..peers.compare import all_peers, chosen_peers, compare

    frames = as_codes(day.radiance) if day.transfer == "srgb8" else day.radiance
    found = compare(frames, day.valid, chosen_peers(all_peers(crfs, distances, 1.0), ("x265", "jpegxl")), lpips)
    n_valid = int(day.valid.sum())

    def one(value: float | None) -> dict[str, float] | None:
        return None if value is None else {"mean": value, "deviation": 0.0}

    curves = []
    for name in found.definitions:
        points = [
            {
                "setting": point.rate.setting,
                "runs": 1,
                "bytes": one(point.rate.size_bytes),
                "bpt": one(bits_per_texel(point.rate.size_bytes, n_valid, day.n_frames)),
                "psnr_db": one(point.rate.psnr_db),
                "ssim": one(point.ssim),
                "lpips": one(point.lpips),
                "frame_ms": one(point.rate.decode_ms_per_frame),
            }
            for point in found.points
            if point.rate.name == name and point.rate.psnr_db < float("inf")
        ]
        if points:
            curves.append({"name": name, "family": "peer", "points": points})
    return curves, found.absent


@click.command(
    "rd",
    short_help="Curves of size against quality of the families, as plots.",
    epilog=EXAMPLES,
    context_settings=CONTEXT,
)
@click.argument("data_path", metavar="INPUT", type=PATH)
@click.option("--out", "-o", type=PATH, required=True, help="Folder for plots, rd.json and trials; resumed if there.")
@frame_options
@click.option("--sweeps", default="daybasis,refined,gridmlp", help="Some of daybasis, refined, gridmlp, siren.")
@click.option("--repeats", type=COUNT, default=1, help="Trainings of each point of a family that has a seed.")
@click.option("--crf", "crfs", callback=numbers, default="8,12,16,20", help="Rate factors of x265.")
@click.option("--distance", "distances", callback=numbers, default="0.5,1,2", help="Distances of JPEG XL.")
@click.option("--threads", type=COUNT, default=2, help="Threads of a training.")
@click.option("--no-lpips", is_flag=True, help="Leave LPIPS out.")
def rd(
    data_path: Path,
    out: Path,
    reading: ReadOptions,
    sweeps: str,
    repeats: int,
    crfs: tuple[float, ...],
    distances: tuple[float, ...],
    threads: int,
    no_lpips: bool,
) -> None:
    """Sweep the families on the frames of INPUT: curves of size against PSNR, SSIM and LPIPS beside x265 and JPEG XL,
    time against quality, quality per hour, bits by section. Plots as PNG and SVG, all figures in rd.json.
    """
    from todpack.decompressor.files import make_folder
    from todpack.frames import read_day

    from ..options import chosen_lpips
    from ..trials import TrialSettings, frames_digest
    from .plots import write_plots
    from .sweep import chosen_sweeps, run_sweeps

    names = [name.strip() for name in sweeps.split(",")]
    chosen = chosen_sweeps(names)
    lpips = chosen_lpips(None, no_lpips)
    day = read_day(data_path, **vars(reading))  # bad frames stop here
    for warning in day.warnings:
        warn(warning)
    peers, absent = _peer_curves(day, crfs, distances, lpips)
    make_folder(out / "trials")
    settings = TrialSettings(data_path, reading, threads, not no_lpips, frames=frames_digest(day))
    with progress_bar("rd") as advance:
        found = run_sweeps(chosen, out, settings, repeats, advance)
    found["curves"] += peers
    found["absent"] = absent
    write_text(out / "rd.json", json.dumps(found, indent=2, allow_nan=False) + "\n")
    for curve in found["curves"]:
        for point in curve["points"]:
            psnr, size = point["psnr_db"], point["bytes"]["mean"]
            quality = f"{psnr['mean']:>7.2f} dB" if psnr is not None else "lossless"
            spread = f" +- {psnr['deviation']:.2f}" if psnr is not None and point["runs"] > 1 else ""
            click.echo(f"{curve['name']:<20} {point['setting']:<24} {size:>10.0f} bytes {quality}{spread}")
    for failure in found["failed"]:
        click.echo(f"failed: {failure['name']}: {failure['error']}")
    for name, reason in absent.items():
        click.echo(f"{name} absent: {reason}")
    for path in write_plots(found["curves"], out):
        click.echo(str(path))
