"""Make the pictures of docs/infnerf.md: `python docs/infnerf_pictures.py out/run out/single --out docs`."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image

from todpack.decompressor.files import write_atomic
from todpack.trainer.nerfs.inf_nerf import InfNeRFRenderer, InfNeRFRendererConfig, PosedImages
from todpack.trainer.nerfs.inf_nerf.demo import around_scene
from todpack.trainer.nerfs.inf_nerf.rays import pyramid
from todpack.trainer.nerfs.inf_nerf.run import load_data, scene_of_run

VIEW = 2  # of the held-out ones
SCALES = (0, 1, 2, 3)
CELL = 192
GAP = 4


def at_scale(run: Path, held_out: PosedImages, scale: int) -> np.ndarray:
    """The held-out view as a run renders it, uint8."""
    camera = held_out.intrinsics[VIEW]
    width, height = camera.width >> scale, camera.height >> scale
    renderer = InfNeRFRenderer.from_checkpoint(run, InfNeRFRendererConfig(width, height))
    return codes(renderer.render_image(held_out.poses[VIEW], camera)["rgb"])


def codes(image: np.ndarray) -> np.ndarray:
    """uint8 of colors 0..1."""
    return np.rint(255.0 * np.clip(image, 0.0, 1.0)).astype(np.uint8)


def grid(rows: list[list[np.ndarray]]) -> Image.Image:
    """Images enlarged to equal cells, without smoothing."""
    sheet = Image.new("RGB", (len(rows[0]) * (CELL + GAP) - GAP, len(rows) * (CELL + GAP) - GAP), "white")
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            cell = Image.fromarray(image).resize((CELL, CELL), Image.Resampling.NEAREST)
            sheet.paste(cell, (x * (CELL + GAP), y * (CELL + GAP)))
    return sheet


def save(sheet: Image.Image, path: Path) -> None:
    """Write a PNG."""
    write_atomic(path, lambda file: sheet.save(file, "PNG", optimize=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("single", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    options = parser.parse_args()
    _, held_out = load_data(dataclasses.replace(scene_of_run(options.run), scene_images=1))
    assert held_out is not None
    truth = [codes(level) for level in pyramid(held_out.images[VIEW], len(SCALES))]
    rows = [truth, *([at_scale(run, held_out, s) for s in SCALES] for run in (options.run, options.single))]
    save(grid(rows), options.out / "infnerf_scales.png")
    renderer = InfNeRFRenderer.from_checkpoint(options.run, InfNeRFRendererConfig(CELL, CELL))
    poses, camera = around_scene(renderer, 4)
    save(
        grid([[codes(renderer.render_image(pose, camera)["rgb"]) for pose in poses]]), options.out / "infnerf_views.png"
    )


if __name__ == "__main__":
    main()
