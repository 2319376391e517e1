"""The built-in scene: spheres and boxes with texture at three scales under a sun, and an exact ray caster for it.

Surfaces are found in closed form. An image is the mean over an even grid of rays in each pixel; its smaller scales are
means of 2 x 2 pixels, so each scale shows the true mean over the areas of its pixels.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from todpack.decompressor.files import make_folder, write_json
from todpack.decompressor.frame_files import write_frame
from todpack.packer.run_folder import write_arrays

from .posed_images import TRANSFORMS_NAME, Intrinsics, PosedImages
from .rays import camera_rays
from .trajectories import look_at

IMAGE_NAME, POINTS_NAME = "images/{:04d}.png", "sparse_points.npz"
SCENE_BOUND = 1.0
FIELD_OF_VIEW = math.radians(45.0)
SUN = np.array([0.45, -0.35, 0.82]) / np.linalg.norm([0.45, -0.35, 0.82])
AMBIENT = 0.4
TEXTURE_PERIODS = (0.8, 0.32, 0.11)  # world units
TEXTURE_CONTRASTS = (0.22, 0.16, 0.2)
# columns: center xyz, half extent xyz (box) or radius (sphere, repeated), albedo rgb
BOXES = np.array(
    [
        [0.0, 0.0, -0.62, 0.95, 0.95, 0.06, 0.62, 0.58, 0.50],
        [-0.45, 0.40, -0.26, 0.22, 0.22, 0.30, 0.75, 0.35, 0.28],
        [0.50, 0.45, -0.41, 0.30, 0.14, 0.15, 0.35, 0.50, 0.72],
        [0.10, -0.62, -0.49, 0.09, 0.20, 0.07, 0.70, 0.66, 0.30],
        [-0.70, -0.55, -0.46, 0.10, 0.10, 0.10, 0.45, 0.68, 0.42],
    ]
)
SPHERES = np.array(
    [
        [0.18, 0.02, -0.22, 0.34, 0.34, 0.34, 0.80, 0.68, 0.45],
        [-0.45, 0.40, 0.19, 0.15, 0.15, 0.15, 0.40, 0.72, 0.70],
        [-0.35, -0.42, -0.44, 0.12, 0.12, 0.12, 0.78, 0.40, 0.62],
        [0.62, -0.38, -0.42, 0.14, 0.14, 0.14, 0.48, 0.45, 0.78],
        [0.55, 0.42, -0.17, 0.09, 0.09, 0.09, 0.82, 0.78, 0.40],
    ]
)


def hit_distance(origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First surfaces along rays.

    Args:
        origins: (N, 3).
        directions: (N, 3), any length; distances are in units of it.

    Returns:
        (N,) distances, infinite where nothing is met, and (N,) objects: boxes first, then spheres; -1 for none.
    """
    nearest = np.full(len(origins), np.inf)
    found = np.full(len(origins), -1)
    inverse = 1.0 / np.where(np.abs(directions) < 1e-12, 1e-12, directions)
    for number, box in enumerate(BOXES):
        a, b = (box[:3] - box[3:6] - origins) * inverse, (box[:3] + box[3:6] - origins) * inverse
        first, last = np.minimum(a, b).max(axis=1), np.maximum(a, b).min(axis=1)
        closer = (first <= last) & (first > 1e-9) & (first < nearest)
        nearest[closer], found[closer] = first[closer], number
    square = (directions * directions).sum(axis=1)
    for number, sphere in enumerate(SPHERES):
        offset = origins - sphere[:3]
        half_b = (offset * directions).sum(axis=1)
        discriminant = half_b * half_b - square * ((offset * offset).sum(axis=1) - sphere[3] ** 2)
        root = (-half_b - np.sqrt(np.maximum(discriminant, 0.0))) / square
        closer = (discriminant > 0.0) & (root > 1e-9) & (root < nearest)
        nearest[closer], found[closer] = root[closer], len(BOXES) + number
    return nearest, found


def radiance(origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(N, 3) colors, 0..1, that rays see."""
    distance, number = hit_distance(origins, directions)
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    colors = _sky(unit)
    met = np.flatnonzero(number >= 0)
    points = origins[met] + distance[met, None] * directions[met]
    normals = _normals(points, number[met])
    lit = np.maximum(normals @ SUN, 0.0)
    toward = np.flatnonzero(lit > 0.0)
    shadow, _ = hit_distance(points[toward] + 1e-6 * normals[toward], np.broadcast_to(SUN, (len(toward), 3)))
    lit[toward[np.isfinite(shadow)]] = 0.0
    mirrored = unit[met] - 2.0 * (unit[met] * normals).sum(axis=1, keepdims=True) * normals
    gloss = 0.15 * np.maximum(mirrored @ SUN, 0.0) ** 12 * (lit > 0.0)
    albedo = np.concatenate([BOXES, SPHERES])[number[met], 6:] * _texture(points)[:, None]
    colors[met] = np.clip(albedo * (AMBIENT + (1.0 - AMBIENT) * lit[:, None]) + gloss[:, None], 0.0, 1.0)
    return colors


def _sky(unit: np.ndarray) -> np.ndarray:
    height = 0.5 + 0.5 * unit[:, 2:]
    sky: np.ndarray = (1.0 - height) * np.array([0.82, 0.80, 0.76]) + height * np.array([0.35, 0.52, 0.80])
    return sky


def _normals(points: np.ndarray, number: np.ndarray) -> np.ndarray:
    shapes = np.concatenate([BOXES, SPHERES])[number]
    offset = (points - shapes[:, :3]) / shapes[:, 3:6]
    axis = np.abs(offset).argmax(axis=1)
    box = np.zeros_like(points)
    rows = np.arange(len(points))
    box[rows, axis] = np.sign(offset[rows, axis])
    normals: np.ndarray = np.where(number[:, None] < len(BOXES), box, offset)
    return normals


def _texture(points: np.ndarray) -> np.ndarray:
    """(N,) factor of the albedo: checkers of three sizes, solid in space."""
    factor = np.full(len(points), 0.9)
    for period, contrast in zip(TEXTURE_PERIODS, TEXTURE_CONTRASTS, strict=True):
        parity = np.floor(2.0 * (points + 0.0137) / period).astype(np.int64).sum(axis=1) & 1
        factor += contrast * (parity - 0.5)
    return factor


def render_exact(pose: np.ndarray, camera: Intrinsics, rays_per_axis: int) -> np.ndarray:
    """(H, W, 3) float32: the mean over rays_per_axis^2 rays in each pixel."""
    n = rays_per_axis
    fine = camera.resized(camera.width * n, camera.height * n)
    origins, directions = camera_rays(pose, fine)
    colors = radiance(origins.numpy().astype(np.float64), directions.numpy().astype(np.float64))
    means: np.ndarray = colors.reshape(camera.height, n, camera.width, n, 3).mean(axis=(1, 3)).astype(np.float32)
    return means


def camera_poses(n: int, seed: int, distance: tuple[float, float] = (2.2, 3.4)) -> np.ndarray:
    """(n, 4, 4) poses on an upper hemisphere, evenly spread and a little shaken, that look at the scene."""
    rng = np.random.default_rng(seed)
    poses = []
    for i in range(n):
        angle = 2.399963 * i + rng.uniform(0.0, 0.3)
        elevation = math.radians(15.0 + 55.0 * (i + 0.5) / n)
        radius = rng.uniform(*distance)
        direction = [math.cos(elevation) * math.cos(angle), math.cos(elevation) * math.sin(angle), math.sin(elevation)]
        target = rng.uniform(-0.15, 0.15, 3) + [0.0, 0.0, -0.3]
        poses.append(look_at(target + radius * np.array(direction), target, np.array([0.0, 0.0, 1.0])))
    return np.stack(poses)


def make_scene(
    n_images: int, size: int, seed: int = 0, rays_per_axis: int = 4, n_points: int = 20_000, first_distance: float = 2.2
) -> PosedImages:
    """Images of the built-in scene, with sparse points on its surfaces.

    Args:
        n_images: How many.
        size: Width and height, pixels.
        seed: Places the cameras; another seed gives other views.
        rays_per_axis: Rays per pixel along each axis.
        n_points: Sparse points, drawn from the images' pixels.
        first_distance: Least distance of a camera from what it looks at; the greatest is 1.55 times that.
    """
    camera = Intrinsics.centered(size, size, 0.5 * size / math.tan(0.5 * FIELD_OF_VIEW))
    poses = camera_poses(n_images, seed, (first_distance, 1.55 * first_distance))
    images = [render_exact(pose, camera, rays_per_axis) for pose in poses]
    points, scales = _sparse_points(poses, camera, n_points, seed)
    return PosedImages(images, poses, [camera] * n_images, points, scales, SCENE_BOUND, "the built-in scene")


def _sparse_points(poses: np.ndarray, camera: Intrinsics, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed + 1)
    points, scales = [], []
    for pose in poses:
        origins, directions = (rays.numpy().astype(np.float64) for rays in camera_rays(pose, camera))
        chosen = rng.integers(0, len(origins), max(1, n // len(poses)))
        depth, number = hit_distance(origins[chosen], directions[chosen])
        met = number >= 0
        points.append(origins[chosen][met] + depth[met, None] * directions[chosen][met])
        scales.append(0.5 * depth[met] / camera.focal_length)
    return np.concatenate(points), np.concatenate(scales)


def scene_files(folder: Path, n_images: int) -> list[Path]:
    """What `write_scene` writes of a scene of so many images."""
    images = [IMAGE_NAME.format(number) for number in range(n_images)]
    return [folder / name for name in (*images, POINTS_NAME, TRANSFORMS_NAME)]


def write_scene(folder: str | Path, scene: PosedImages) -> None:
    """Write a dataset: transforms.json, images/*.png and sparse_points.npz.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = Path(folder)
    make_folder(folder / "images")
    frames = []
    for number, (image, pose) in enumerate(zip(scene.images, scene.poses, strict=True)):
        name = IMAGE_NAME.format(number)
        write_frame(folder / name, np.rint(255.0 * image).astype(np.uint8), "png")
        frames.append({"file_path": name, "transform_matrix": pose.tolist()})
    content: dict[str, Any] = {
        "fl_x": scene.intrinsics[0].focal_length,
        "w": scene.intrinsics[0].width,
        "h": scene.intrinsics[0].height,
        "scene_bound": scene.scene_bound,
        "frames": frames,
    }
    points, scales = scene.points, scene.scales
    if points is not None and scales is not None:
        arrays = {"points": points.astype(np.float32), "scales": scales.astype(np.float32)}
        write_arrays(folder / POINTS_NAME, arrays)
        content["sparse_points"] = POINTS_NAME
    write_json(folder / TRANSFORMS_NAME, content)
