"""Demo images: some views around the scene, far ones among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from todpack.decompressor.files import make_folder
from todpack.decompressor.frame_files import write_frame
from todpack.packer.errors import ConfigError

from .posed_images import Intrinsics
from .renderer import InfNeRFRenderer
from .trajectories import spiral

MIN_RADIUS = 1e-2  # of the scene's bound


def render_demo_images(renderer: InfNeRFRenderer, num_views: int, output_dir: str | Path) -> list[Path]:
    """Write view_000.png ... (and _depth.png, _alpha.png if the renderer saves these) from a round about the scene.

    Where to stand is what the model's file says about its training cameras, else three times the scene's bound away.

    Returns:
        The files.

    Raises:
        ConfigError: fewer than one view.
        OutputError: the folder cannot be written.
    """
    if num_views < 1:
        raise ConfigError(f"num_views: expected at least 1, found {num_views}")
    folder = Path(output_dir)
    make_folder(folder)
    poses, camera = around_scene(renderer, num_views)
    for number, pose in enumerate(poses):
        image = renderer.render_image(pose, camera)
        for name, values in image.items():
            write_frame(_file(folder, number, name), _codes(name, values), "png")
    return demo_files(renderer, num_views, folder)


def demo_files(renderer: InfNeRFRenderer, num_views: int, folder: Path) -> list[Path]:
    """What `render_demo_images` writes."""
    config = renderer.config
    names = ["rgb", *["depth"] * config.save_depth, *["alpha"] * config.save_alpha]
    return [_file(folder, number, name) for number in range(num_views) for name in names]


def _file(folder: Path, number: int, name: str) -> Path:
    return folder / f"view_{number:03d}{'' if name == 'rgb' else '_' + name}.png"


def around_scene(renderer: InfNeRFRenderer, n: int) -> tuple[np.ndarray, Intrinsics]:
    """Poses of a round about the scene (n, 4, 4), and a camera like that of the training images."""
    config, seen = renderer.model.config, renderer.cameras
    if seen is None:
        size = renderer.config.image_width
        camera = Intrinsics.centered(size, renderer.config.image_height, 1.2 * size)
        return spiral(
            np.asarray(config.scene_center), 3.0 * config.scene_bound, n, up=np.array([0.0, 0.0, 1.0])
        ), camera
    camera = Intrinsics.centered(seen["width"], seen["height"], seen["focal_length"])
    up, target = np.asarray(seen["up"]), np.asarray(seen["target"])
    radius = max(seen["radius"], MIN_RADIUS * config.scene_bound)  # 0 where all cameras stand at one place
    return spiral(target, radius, n, up=up, elevation=seen["elevation"]), camera


def _codes(name: str, values: np.ndarray) -> np.ndarray:
    """uint8 image of rgb, alpha (0..1, but for rounding) or depth (near is bright, what has none is black)."""
    if name == "depth":
        values = np.where(values > 0.0, 1.0 - values / max(float(values.max()), 1e-30), 0.0)
    codes: np.ndarray = np.rint(255.0 * np.clip(values, 0.0, 1.0)).astype(np.uint8)
    return codes
