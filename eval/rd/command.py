"""`todpack eval rd`."""

from __future__ import annotations

from pathlib import Path

import click

from todpack.decompressor.plain_text import shown
from todpack.frames.options import frame_options
from todpack.frames.read_options import ReadOptions
from todpack.packer.progress import ProgressLine

from .. import options

FIGURES, RESULTS = "rd.json", "results"
_NamedPaths = dict[str, list[Path]]


def _named_paths(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> _NamedPaths:
    named: _NamedPaths = {}
    for value in values:
        name, separator, path = value.partition("=")
        if not (name and separator and path):
            raise click.BadParameter(f"expected NAME=PATH, found {value!r}")
        named.setdefault(shown(name), []).append(Path(path))  # plots and files have plain names
    return named


@options.command(
    "rd",
    "Curves of size against quality of the families, as plots.",
    "todpack eval rd frames -o rd",
    "todpack eval rd frames -o rd --sweeps daybasis,gridmlp --repeats 3",
    "todpack eval rd frames -o rd --sweeps gridmlp --repeats 2 --epochs 4",
    "todpack eval rd frames -o rd --archive mine=a.tod --archive mine=b.tod --results other.json",
    'todpack eval rd frames -o rd --sweeps daybasis --crf "" --distance "" --no-lpips',
)
@options.frames
@click.option(
    "--out",
    "-o",
    "out_dir",
    type=options.PATH,
    required=True,
    help="Folder for plots, rd.json and trials; resumed if there.",
)
@frame_options
@options.of_level
@click.option("--sweeps", default="daybasis,refined,gridmlp", help="Some of daybasis, refined, gridmlp, siren.")
@click.option("--repeats", type=options.COUNT, default=1, help="Trainings of each point of a family that has a seed.")
@click.option("--preset", type=click.Choice(["fast", "full"]), default="fast", help="Of the neural families.")
@click.option("--epochs", type=click.IntRange(min=2), help="Of the neural families, instead of the preset's.")
@click.option(
    "--archive",
    "archives",
    multiple=True,
    callback=_named_paths,
    metavar="NAME=PATH",
    help="A ready archive of INPUT as a point of the curve NAME; may be repeated.",
)
@click.option(
    "--results",
    "results_paths",
    multiple=True,
    type=options.PATH,
    metavar="FILE",
    help="A curve in CompressAI's result format; may be repeated.",
)
@options.crf((8, 12, 16, 20))
@options.distance((0.5, 1, 2))
@options.threads(2, "Threads of a training.")
@options.lpips
@options.overwrite
def rd(
    data_path: Path,
    out_dir: Path,
    reading: ReadOptions,
    lightmap: str | None,
    sweeps: str,
    repeats: int,
    preset: str,
    epochs: int | None,
    archives: _NamedPaths,
    results_paths: tuple[Path, ...],
    crfs: tuple[float, ...],
    distances: tuple[float, ...],
    threads: int,
    lpips: options.LpipsChoice,
    overwrite: bool,
) -> None:
    """Sweep the families on the frames of INPUT: curves of size against PSNR, SSIM and LPIPS beside x265 and JPEG XL,
    time against quality, quality per hour, bits by section. Plots as PNG and SVG, all figures in rd.json, each curve
    in CompressAI's format in the folder results.
    """
    from todpack.decompressor.errors import require_packages
    from todpack.decompressor.files import (
        check_outputs,
        check_replaced,
        exclusive_folder,
        make_folder,
        place_of,
        refuse_other_kinds,
        write_json,
    )
    from todpack.decompressor.names import safe_names
    from todpack.frames.digest import frames_digest

    from ..earlier_trials import refuse_other_frames
    from ..errors import EvalError
    from ..measures.frames import day_frames
    from ..peers.run import reference_peers, run_peers
    from ..trial import TrialSettings, trial_code
    from ..trials import require_families
    from .plots import plot_files, write_plots
    from .results_file import read_results, results_json
    from .sweep import archive_curves, chosen_sweeps, peer_curves, run_sweeps, with_training

    named = [name.strip() for name in sweeps.split(",") if name.strip()]
    chosen = with_training(chosen_sweeps(named), preset, epochs)
    require_packages("a plot", "matplotlib")
    check_outputs([out_dir / FIGURES, *plot_files(out_dir)], results_paths, overwrite=overwrite)
    for path in (out_dir / FIGURES, *plot_files(out_dir)):
        refuse_other_kinds(path)
    for path in results_paths:
        if place_of(path).parent == place_of(out_dir / RESULTS):
            raise EvalError(f"{path}: expected results of elsewhere, found a file where they are written to")
    require_families(sorted({sweep.family for sweep in chosen}), refined="refined" in sweeps)
    measure = lpips.load()
    day = options.read_frames(data_path, reading, lightmap)  # bad frames stop here
    added = [read_results(path, day) for path in results_paths]
    added += archive_curves(archives, day, measure, threads, options.warn, lightmap)
    with exclusive_folder(out_dir / "trials"):  # before the peers, which take long
        with ProgressLine("peers") as line:
            peers = reference_peers(crfs, distances)
            references = run_peers(day_frames(day), day.valid, peers, lpips=measure, progress=line.update)
        others = peer_curves(references) + added
        names = safe_names([*(sweep.name for sweep in chosen), *(curve["name"] for curve in others)])
        files = [out_dir / RESULTS / f"{name}.json" for name in names]
        check_replaced(files, overwrite=overwrite)  # what stops the command is told before the trainings
        settings = TrialSettings(
            data_path,
            reading,
            lightmap,
            threads,
            lpips=not lpips.is_off,
            lpips_weights=lpips.weights,
            frames=frames_digest(day),
            code=trial_code(),
        )
        if not overwrite:
            refuse_other_frames(out_dir / "trials", settings)
        with ProgressLine("rd") as line:
            swept = run_sweeps(chosen, out_dir, settings, repeats, line.update)
    trained = {curve["name"]: curve for curve in swept["curves"]}  # a sweep whose trials all failed has none
    curves = [*(trained.get(sweep.name) for sweep in chosen), *others]
    results = {path: curve for path, curve in zip(files, curves, strict=True) if curve is not None}
    swept |= {"curves": list(results.values()), "absent": references.absent}
    write_json(out_dir / FIGURES, swept)
    make_folder(out_dir / RESULTS)
    written = list[Path]()
    for path, curve in results.items():
        result = results_json(curve, day)
        if result is not None:
            write_json(path, result)
            written.append(path)
    plots = write_plots(swept["curves"], out_dir)
    for curve in results.values():
        for point in curve["points"]:
            psnr, size = point["psnr_db"], point["bytes"]["mean"]
            quality = f"{psnr['mean']:>7.2f} dB" if psnr is not None else "lossless"
            spread = f" +- {psnr['deviation']:.2f}" if psnr is not None and point["runs"] > 1 else ""
            click.echo(f"{curve['name']:<20} {point['setting']:<24} {size:>10.0f} bytes {quality}{spread}")
    left = sorted(path.name for path in (out_dir / RESULTS).glob("*.json") if path not in written)
    if left:
        options.warn(f"{out_dir / RESULTS}: {len(left)} files of other runs stay, such as {left[0]}")
    for failure in swept["failed"]:
        click.echo(f"failed: {failure['name']}: {failure['error']}")
    for name, reason in references.absent.items():
        click.echo(f"{name} absent: {reason}")
    for path in plots:
        click.echo(str(path))
    if chosen and not trained:
        n, first = len(swept["failed"]), swept["failed"][0]["error"]
        raise EvalError(f"{out_dir}: none of {n} trials worked; the first: {first}")
