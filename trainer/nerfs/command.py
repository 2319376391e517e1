"""`todpack nerf`: train, evaluate and render InfNeRF; torch is imported when a command runs."""

from __future__ import annotations

import dataclasses
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from todpack.decompressor.errors import needs
from todpack.decompressor.pool import MOST_THREADS
from todpack.packer.configuration import click_options, option_values
from todpack.packer.errors import ConfigError

from ..presets import defaults_of
from .config import InfNeRFConfig, InfNeRFRendererConfig, InfNeRFTrainerConfig, SceneConfig

if TYPE_CHECKING:
    from .inf_nerf.evaluation import ScaleScore
    from .inf_nerf.renderer import InfNeRFRenderer

log = logging.getLogger("todpack.train")

_PATH = click.Path(path_type=Path)
_OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace files that todpack did not write.")
CONTEXT = {"token_normalize_func": lambda token: token.replace("_", "-"), "show_default": True}
MOST_MB, MOST_FRAMES = 1e9, 100_000
TRAINED = (InfNeRFConfig, InfNeRFTrainerConfig, SceneConfig)


@click.group("nerf")
def cli() -> None:
    """InfNeRF: an octree radiance field with level of detail. Train on posed images, render any view.

    \b
    Examples:
      todpack nerf train -o run                          # the built-in scene, preset tiny, minutes on a CPU
      todpack nerf render run -o images --views 6
      todpack nerf video run -o spiral.mp4
    """


@cli.command(
    "train",
    short_help="Train on posed images, or on the built-in scene.",
    epilog="""
\b
Examples:
  todpack nerf train -o run
  todpack nerf train lego -o run --preset small --device cuda --amp
  todpack nerf train lego -o run --resume
  todpack nerf train -o single --single-level-of run          # one field of as many parameters, to compare
  torchrun --nproc-per-node 2 -m todpack nerf train -o run    # subtrees are shared out over the processes
""",
    context_settings=CONTEXT,
)
@click.argument("data", required=False, type=_PATH)
@click.option("--out-dir", "-o", type=_PATH, required=True, help="Run folder to write.")
@click.option("--preset", type=click.Choice(["tiny", "small", "full"]), default="tiny", help="tiny: minutes on a CPU.")
@click.option("--single-level-of", type=_PATH, help="Train one field with as many parameters as this run's model.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where to train.")
@click.option("--threads", type=click.IntRange(1, MOST_THREADS), help="CPU threads.  [default: torch's]")
@click.option("--resume", is_flag=True, help="Continue the run in --out-dir where it stopped.")
@click.option("--overwrite", is_flag=True, help="Replace a run that is already in --out-dir.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def train(
    data: Path | None,
    out_dir: Path,
    preset: str,
    single_level_of: Path | None,
    threads: int | None,
    **options: Any,
) -> None:
    """Train on DATA, a folder with a Blender-style transforms.json, or on the built-in scene without it.

    The run folder gets model.infnerf, config.json, log.csv and a checkpoint; held-out images are scored at scales 1,
    1/2, 1/4 and 1/8. Under torchrun the processes train one model together.
    """
    switches = {name: options.pop(name) for name in ("device", "resume", "overwrite", "quiet")}
    if switches["resume"] and switches["overwrite"]:
        raise ConfigError("--resume, --overwrite: expected one of them, found both")
    with needs("nerf", "nerf"):
        import torch

        from ..run_folder import training
        from .inf_nerf.run import resolve, single_level_like, train_run
    if threads is not None:
        torch.set_num_threads(threads)
    given = {name: value for kind in TRAINED for name, value in option_values(kind, options).items()}
    if data is not None:
        given["data"] = str(data)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        given |= {"distributed": True, "local_rank": int(os.environ["LOCAL_RANK"])}
    model, trainer, scene = resolve(preset, given)
    if single_level_of is not None:
        model = single_level_like(single_level_of)
    with training():
        figures, scores = train_run(model, trainer, scene, out_dir, own_bound="scene_bound" in given, **switches)
    if int(os.environ.get("RANK", "0")) == 0:
        click.echo(
            f"{out_dir}: {figures['nodes']} nodes, {figures['parameters']} parameters, "
            f"{trainer.num_epochs} epochs in {figures['train_seconds']:.0f} s"
        )
        for line in _score_lines(scores):
            click.echo(line)


train.params += [option for kind in TRAINED for option in click_options(kind, defaults_of("infnerf", "tiny"))]


@cli.command(
    "eval",
    short_help="PSNR of held-out views by scale, and parameters touched.",
    epilog="""
\b
Examples:
  todpack nerf eval run
  todpack nerf eval run single --json-out scores.json
  todpack nerf eval run --distances 1,2,4,8
""",
    context_settings=CONTEXT,
)
@click.argument("runs", nargs=-1, required=True, type=_PATH)
@click.option("--distances", default="", help="Also view it from so many times farther away, such as 2,4,8.")
@click.option("--json-out", type=_PATH, help="Also write the figures here.")
def evaluate(runs: tuple[Path, ...], distances: str, json_out: Path | None) -> None:
    """PSNR of held-out views at scales 1, 1/2, 1/4, 1/8, and the share of the parameters that a view touches."""
    from todpack.decompressor.files import check_output, write_json

    factors = _numbers(distances)
    if json_out is not None:
        check_output(json_out)
    with needs("nerf", "nerf"):
        from .inf_nerf.evaluation import score_scales, touched_from_afar
        from .inf_nerf.renderer import InfNeRFRenderer
        from .inf_nerf.run import data_of_run
    result: dict[str, Any] = {}
    lines: list[str] = []
    for run in runs:
        training, held_out = data_of_run(run, log.warning)
        renderer = InfNeRFRenderer.from_checkpoint(run)
        scores = score_scales(renderer.model, held_out)
        total = renderer.touched.total * renderer.touched.field_bytes
        lines += [
            f"{run}: {renderer.touched.total - 1} nodes, {total / 1e6:.2f} MB of parameters",
            *_score_lines(scores),
        ]
        result[str(run)] = {"bytes": total, "scales": [dataclasses.asdict(score) for score in scores]}
        looking = held_out if len(held_out.poses) > 1 else training  # one view alone does not say how far it looks
        shares = touched_from_afar(renderer.model, held_out, factors, looking.summary()["target"])
        for factor, touched in zip(factors, shares, strict=True):
            lines.append(f"  {factor:g} times as far: {100 * touched:.1f} % of the parameters touched")
            result[str(run)][f"touched_at_distance_{factor:g}"] = touched
    if json_out is not None:
        write_json(json_out, result)
    click.echo("\n".join(lines))


def _numbers(text: str) -> list[float]:
    try:
        values = [float(part) for part in text.split(",") if part]
    except ValueError as error:
        raise click.BadParameter(f"--distances: expected numbers such as 2,4,8, found {text!r}") from error
    if not all(0.0 < value <= 1e6 for value in values):
        raise ConfigError(f"--distances: expected numbers in (0, 1e6], found {text}")
    return values


def _score_lines(scores: list[ScaleScore]) -> list[str]:
    return [
        f"  scale {f'1/{round(1 / score.scale)}' if score.scale < 1 else '1':>4}: {score.psnr_db:.2f} dB, "
        f"a view touches {100 * score.touched_share:.1f} % ({score.touched_bytes / 1e6:.2f} MB), "
        f"all views {100 * score.together_share:.1f} %"
        for score in scores
    ]


def _add_render_options(command: click.Command, *without: str) -> None:
    seen = dict.fromkeys(("image_width", "image_height"), "the training images'")
    shared = [one for one in click_options(InfNeRFRendererConfig, seen) if one.name not in without]
    own = (
        click.Option(["--max-memory"], type=float, default=0.0, help="Parameters in memory, MB; 0: no bound."),
        click.Option(["--device"], type=click.Choice(["auto", "cpu", "cuda"]), default="auto", help="Where to render."),
    )
    command.params += [*shared, *own]


def _renderer(run: Path, max_memory: float, device: str, **options: Any) -> InfNeRFRenderer:
    """The renderer of a run; of a size that is given by half, the training images' proportions give the other."""
    from ..device import pick_device
    from .inf_nerf.renderer import InfNeRFRenderer

    if not 0.0 <= max_memory <= MOST_MB:
        raise ConfigError(f"--max-memory: expected a number from 0 to {MOST_MB:g}, found {max_memory:g}")
    values = option_values(InfNeRFRendererConfig, options)
    InfNeRFRendererConfig(**values)  # a wrong size is told before the run is read
    where = pick_device(device)
    seen = InfNeRFRenderer.from_checkpoint(run, device=where).cameras or {"width": 800, "height": 800}
    width, height = (values.get(f"image_{side}") for side in ("width", "height"))
    if width is None:
        width = seen["width"] if height is None else max(1, round(height * seen["width"] / seen["height"]))
    if height is None:
        height = max(1, round(width * seen["height"] / seen["width"]))
    size = {"image_width": width, "image_height": height}
    config = InfNeRFRendererConfig(**{**values, **size}, max_resident_bytes=round(1e6 * max_memory))
    return InfNeRFRenderer.from_checkpoint(run, config, where)


@cli.command(
    "render",
    short_help="Write demo images of a run.",
    epilog="""
\b
Examples:
  todpack nerf render run -o images
  todpack nerf render run -o images --views 12 --width 400 --save-depth --max-memory 2
""",
    context_settings=CONTEXT,
)
@click.argument("run", type=_PATH)
@click.option("--out-dir", "-o", type=_PATH, required=True, help="Folder for view_000.png ...")
@click.option("--views", type=click.IntRange(1, MOST_FRAMES), default=8, help="Views around the scene.")
@_OVERWRITE
def render(run: Path, out_dir: Path, views: int, overwrite: bool, **options: Any) -> None:
    """Write demo images of RUN (a run folder or a model.infnerf); nodes are read when a view asks for them."""
    with needs("nerf", "nerf"):
        from .inf_nerf.demo import demo_files, render_demo_images
    from todpack.decompressor.files import check_replaced

    renderer = _renderer(run, **options)
    files = demo_files(renderer, views, out_dir)
    check_replaced(files, overwrite=overwrite)
    render_demo_images(renderer, views, out_dir)
    click.echo(f"{out_dir}: {len(files)} images; {_last_view(renderer)}")


_add_render_options(render)


@cli.command(
    "video",
    epilog="""
\b
Examples:
  todpack nerf video run -o spiral.mp4
  todpack nerf video run -o spiral.mp4 --frames 240 --width 640 --fps 30
""",
    context_settings=CONTEXT,
)
@click.argument("run", type=_PATH)
@click.option("--out", "-o", type=_PATH, required=True, help="MP4 to write.")
@click.option("--frames", type=click.IntRange(1, MOST_FRAMES), default=96, help="Frames of one round.")
@click.option("--fps", type=click.IntRange(1, 240), default=24, help="Frames per second.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def video(run: Path, out: Path, frames: int, fps: int, quiet: bool, **options: Any) -> None:
    """Write a video of a spiral around the scene of RUN."""
    with needs("nerf", "nerf"):
        from .inf_nerf.demo import around_scene
    from todpack.decompressor.files import check_output, check_suffix

    check_output(out)
    check_suffix(out, ".mp4")
    renderer = _renderer(run, **options)
    poses, camera = around_scene(renderer, frames)
    renderer.render_video(poses, camera, out, fps, quiet)
    click.echo(f"{out}: {frames} frames; {_last_view(renderer)}")


_add_render_options(video, "save_depth", "save_alpha")


def _last_view(renderer: InfNeRFRenderer) -> str:
    touched = renderer.touched
    return (
        f"the last view touched {touched.fields} of {touched.total} fields, {touched.size_bytes / 1e6:.2f} of "
        f"{touched.total * touched.field_bytes / 1e6:.2f} MB"
    )


@cli.command(
    "scene",
    short_help="Write the built-in scene as a dataset.",
    epilog="""
\b
Examples:
  todpack nerf scene -o scene --images 60 --size 128
""",
    context_settings=CONTEXT,
)
@click.option("--out-dir", "-o", type=_PATH, required=True, help="Folder to write.")
@click.option("--images", type=click.IntRange(1, 10_000), default=48, help="Images.")
@click.option("--size", type=click.IntRange(1, 8192), default=96, help="Width and height.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the cameras.")
@_OVERWRITE
def scene(out_dir: Path, images: int, size: int, seed: int, overwrite: bool) -> None:
    """Write the built-in scene as a dataset: transforms.json, images and sparse points."""
    with needs("nerf", "nerf"):
        from .inf_nerf.analytic_scene import make_scene, scene_files, write_scene
    from todpack.decompressor.files import check_replaced

    check_replaced(scene_files(out_dir, images), overwrite=overwrite)
    write_scene(out_dir, make_scene(images, size, seed))
    click.echo(f"{out_dir}: {images} images of {size} x {size}")


@cli.command(
    "memory",
    short_help="Parameters that a view needs as the scene grows.",
    epilog="""
\b
Examples:
  todpack nerf memory --sizes 5
""",
    context_settings=CONTEXT,
)
@click.option("--sizes", type=click.IntRange(1, 8), default=5, help="Scenes, each twice as long as the one before.")
@click.option("--json-out", type=_PATH, help="Also write the figures here.")
def memory(sizes: int, json_out: Path | None) -> None:
    """Measure the parameters that one view needs as the scene and its number of images grow."""
    from todpack.decompressor.files import check_output, write_json

    if json_out is not None:
        check_output(json_out)
    with needs("nerf", "nerf"):
        from .inf_nerf.memory_law import measure_law
    rows = measure_law(sizes)
    lines = ["  edge  images   nodes  model kB  view kB  in frustum kB  far view kB  peak kB"]
    for row in rows:
        kilo = (
            f"{row.model_bytes / 1e3:9.0f} {row.street_bytes / 1e3:8.0f} {row.street_in_frustum_bytes / 1e3:14.0f} "
            f"{row.far_bytes / 1e3:12.0f} {row.peak_bytes / 1e3:8.0f}"
        )
        lines.append(f"{row.edge:6g} {row.n_images:7d} {row.n_nodes:7d} {kilo}")
    if json_out is not None:
        write_json(json_out, {"rows": [dataclasses.asdict(row) for row in rows]})
    click.echo("\n".join(lines))
