"""Posed images: Blender-style `transforms.json` and its pictures, at one scale or several."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from todpack.decompressor.json_fields import read_shallow
from todpack.frames.digest import arrays_digest
from todpack.frames.errors import DataError
from todpack.frames.silence import silenced
from todpack.packer.errors import PackError
from todpack.packer.run_folder import read_arrays

TRANSFORMS_NAME = "transforms.json"
SUFFIXES = ("", ".png", ".jpg", ".jpeg")
MAX_TEXELS = 1 << 26  # of an image: its values are held as floats
MAX_OFF_ORTHONORMAL = 1e-2
PINHOLES = ("PINHOLE", "SIMPLE_PINHOLE", "OPENCV")
"""Camera models that are such a camera where nothing is distorted."""
DISTORTION = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")
MOST_OFF_SQUARE = 1e-2
LARGEST = 1e6  # of pixels and of places: float32 has their differences


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera without distortion, pixels.

    Attributes:
        width: Columns of the image.
        height: Rows of the image.
        focal_length: In pixels.
        center: Principal point (x, y), from the upper left corner of the image.
    """

    width: int
    height: int
    focal_length: float
    center: tuple[float, float]

    @staticmethod
    def centered(width: int, height: int, focal_length: float) -> Intrinsics:
        """With the principal point in the middle."""
        return Intrinsics(width, height, focal_length, (width / 2, height / 2))

    def resized(self, width: int, height: int) -> Intrinsics:
        """The same view in other pixels; the focal length follows the width."""
        factor = width / self.width
        return Intrinsics(
            width, height, self.focal_length * factor, (self.center[0] * factor, self.center[1] * height / self.height)
        )


@dataclass(frozen=True)
class PosedImages:
    """Images and how they were taken.

    Attributes:
        images: (H, W, 3) float32 each, 0..1; sizes may differ.
        poses: (N, 4, 4) float64 camera to world; the camera looks along its -z, y is up.
        intrinsics: One camera model per image.
        points: (P, 3) float64 sparse points on the surfaces, or None.
        scales: (P,) radius of the finest sample that saw each point, world units, or None.
        scene_bound: Half the edge of the cube around the scene, where it is known.
        name: For messages.
        held_out: Images of the same scene that are not trained on, or None; see `hold_out`.
    """

    images: list[np.ndarray]
    poses: np.ndarray
    intrinsics: list[Intrinsics]
    points: np.ndarray | None
    scales: np.ndarray | None
    scene_bound: float | None
    name: str
    held_out: PosedImages | None = None

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, indices: list[int]) -> PosedImages:
        """Some of the images, with all of the points."""
        return PosedImages(
            [self.images[i] for i in indices], self.poses[indices], [self.intrinsics[i] for i in indices],
            self.points, self.scales, self.scene_bound, self.name,
        )  # fmt: skip

    def hold_out(self, every: int) -> PosedImages:
        """The images without every `every`th, which are its `held_out`; all of them where none or all would go."""
        held = list(range(every - 1, len(self), every)) if every else []
        if not held or len(held) == len(self):
            return self
        rest = self.subset([i for i in range(len(self)) if i not in held])
        return dataclasses.replace(rest, held_out=self.subset(held))

    @property
    def digest(self) -> str:
        """SHA-256 of images and cameras, in hexadecimal."""
        cameras = [(one.width, one.height, one.focal_length, *one.center) for one in self.intrinsics]
        return arrays_digest([np.array(cameras, np.float64), self.poses, *self.images])

    def summary(self) -> dict[str, Any]:
        """How the scene was seen, as JSON: what renderings without the dataset start from."""
        position, axis = self.poses[:, :3, 3], -self.poses[:, :3, 2]
        target = _nearest_point_to_axes(position, axis)
        offset = position - target
        first = self.intrinsics[0]
        return {
            "width": first.width,
            "height": first.height,
            "focal_length": first.focal_length,
            "target": target.tolist(),
            "radius": float(np.median(np.linalg.norm(offset, axis=1))),
            "up": _mean_up(self.poses).tolist(),
            "elevation": float(np.median(np.arcsin(_unit_rows(offset) @ _mean_up(self.poses)))),
        }


def read_posed_images(folder: str | Path, transforms: str = TRANSFORMS_NAME) -> PosedImages:
    """Read a dataset.

    The file has `frames`, each with `file_path` (the suffix may be missing) and `transform_matrix` (camera to world,
    4 x 4); the field of view by `camera_angle_x` (radians) or `fl_x` (pixels), in the file or per frame; optional `w`,
    `h`, `cx`, `cy`, `scene_bound`, and `sparse_points`, an .npz with `points` (P, 3) and `scales` (P,). Translucent
    pixels are put on white.

    Raises:
        DataError: says which file is wrong, what was expected and what was found.
    """
    folder = Path(folder)
    path = folder / transforms
    if not path.is_file():
        raise DataError(f"{path}: expected a Blender-style {transforms}, found nothing there")
    try:
        content = read_shallow(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}") from error
    frames = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(frames, list) or not frames:
        raise DataError(f"{path}: expected a list `frames` with at least one frame, found {_kind(frames)}")
    images, poses, intrinsics = [], [], []
    for number, frame in enumerate(frames):
        where = f"{path}: frame {number}"
        if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str):
            raise DataError(f"{where}: expected `file_path`, found {_kind(frame)}")
        image = _read_image(folder, frame["file_path"], where)
        images.append(image)
        poses.append(_pose(frame.get("transform_matrix"), where))
        intrinsics.append(_intrinsics({**content, **frame}, image, where))
    bound = content.get("scene_bound")
    if bound is not None and not (_is_number(bound) and bound > 0):
        raise DataError(f"{path}: expected a positive number `scene_bound`, found {bound!r}")
    points, scales = _read_points(folder, content.get("sparse_points"), path)
    return PosedImages(images, np.stack(poses), intrinsics, points, scales, bound, str(folder))


def _read_image(folder: Path, file_path: str, where: str) -> np.ndarray:
    found = next((p for s in SUFFIXES if (p := folder / f"{file_path}{s}").is_file()), None)
    if found is None:
        raise DataError(f"{where}: expected an image {folder / file_path}(.png|.jpg), found nothing there")
    try:  # no other kinds: Pillow runs Ghostscript for some
        with silenced(), Image.open(found, formats=("PNG", "JPEG")) as image:
            if image.width * image.height > MAX_TEXELS:
                raise DataError(f"{found}: expected at most {MAX_TEXELS} texels, found {image.width} x {image.height}")
            if image.mode.startswith("I"):  # gray of 16 bits, which Pillow would cut at 255
                gray = np.asarray(image, np.float32)[..., None] / 65535.0
                return np.asarray(gray.repeat(3, axis=2))
            codes = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255.0
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"{found}: expected a PNG or JPEG image, found something else") from error
    except Exception as error:  # Pillow's readers raise what a damaged file makes them stumble over
        raise DataError(f"{found}: cannot be read: {error}") from error
    return codes[..., :3] * codes[..., 3:] + (1.0 - codes[..., 3:])


def _pose(matrix: Any, where: str) -> np.ndarray:
    try:
        pose = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{where}: expected a 4 x 4 `transform_matrix` of numbers, found {_kind(matrix)}") from error
    if pose.shape != (4, 4):
        raise DataError(f"{where}: expected a 4 x 4 `transform_matrix`, found shape {pose.shape}")
    if not np.isfinite(pose).all():
        raise DataError(f"{where}: expected finite numbers in `transform_matrix`, found NaN or infinity")
    if np.abs(pose).max() > LARGEST:
        raise DataError(f"{where}: expected numbers up to {LARGEST:g} in `transform_matrix`, found larger ones")
    off = float(np.abs(pose[:3, :3].T @ pose[:3, :3] - np.eye(3)).max())
    if off > MAX_OFF_ORTHONORMAL or np.linalg.det(pose[:3, :3]) < 0:
        raise DataError(f"{where}: expected a rotation in `transform_matrix`, found a matrix that is {off:.2g} off one")
    if np.abs(pose[3] - [0.0, 0.0, 0.0, 1.0]).max() > MAX_OFF_ORTHONORMAL:
        raise DataError(f"{where}: expected 0, 0, 0, 1 as the last row of `transform_matrix`, found {pose[3].tolist()}")
    return pose


def _intrinsics(fields: dict[str, Any], image: np.ndarray, where: str) -> Intrinsics:
    height, width = image.shape[:2]
    for name, found in (("w", width), ("h", height)):
        if name in fields and fields[name] != found:
            raise DataError(f"{where}: expected an image with {name} = {fields[name]}, found {found}")
    if _is_number(fields.get("fl_x")):
        focal = float(fields["fl_x"])
    elif _is_number(fields.get("camera_angle_x")) and 0.0 < fields["camera_angle_x"] < math.pi:
        focal = 0.5 * width / math.tan(0.5 * fields["camera_angle_x"])
    else:
        raise DataError(f"{where}: expected `fl_x` or `camera_angle_x` in (0, pi), found neither")
    _refuse_other_cameras(fields, focal, where)
    if focal <= 0.0:
        raise DataError(f"{where}: expected a positive `fl_x`, found {focal:g}")
    if not 1.0 / LARGEST <= focal <= LARGEST:
        raise DataError(f"{where}: expected a focal length from {1.0 / LARGEST:g} to {LARGEST:g}, found {focal:g}")
    center = (fields.get("cx", width / 2), fields.get("cy", height / 2))
    if not all(_is_number(value) for value in center):
        raise DataError(f"{where}: expected numbers `cx` and `cy`, found {center}")
    if max(map(abs, center)) > LARGEST:
        raise DataError(f"{where}: expected `cx` and `cy` up to {LARGEST:g}, found {center}")
    return Intrinsics(width, height, focal, (float(center[0]), float(center[1])))


def _refuse_other_cameras(fields: dict[str, Any], focal: float, where: str) -> None:
    """Cameras that are no pinhole with square pixels, in the fields of COLMAP2NeRF and nerfstudio.

    Raises:
        DataError: it is one.
    """
    model = fields.get("camera_model", "PINHOLE")
    if model not in PINHOLES:
        raise DataError(f"{where}: expected `camera_model` {' or '.join(PINHOLES)}, found {model!r:.40}")
    bent = [name for name in DISTORTION if fields.get(name, 0) != 0]
    if bent:
        raise DataError(f"{where}: expected pictures without distortion, found `{bent[0]}` = {fields[bent[0]]!r:.40}")
    other = fields.get("fl_y", focal)
    if not (_is_number(other) and abs(other - focal) <= MOST_OFF_SQUARE * abs(focal)):
        raise DataError(f"{where}: expected square pixels, `fl_y` as `fl_x` = {focal:g}, found {other!r:.40}")


def _read_points(folder: Path, name: Any, path: Path) -> tuple[np.ndarray | None, np.ndarray | None]:
    if name is None:
        return None, None
    file = folder / str(name)
    try:
        arrays = read_arrays(file)
        points, scales = arrays["points"].astype(np.float64), arrays["scales"].astype(np.float64)
    except (PackError, KeyError) as error:
        raise DataError(f"{file}: expected an .npz with `points` and `scales` ({path} names it): {error}") from error
    if points.ndim != 2 or points.shape[1:] != (3,) or scales.shape != points.shape[:1] or len(points) == 0:
        raise DataError(f"{file}: expected points (P, 3) and scales (P,), found {points.shape} and {scales.shape}")
    if not (np.isfinite(points).all() and np.isfinite(scales).all() and (scales > 0).all()):
        raise DataError(f"{file}: expected finite points and positive scales, found others")
    return points, scales


def _nearest_point_to_axes(position: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Where the cameras look: the point nearest to all optical axes, in the least squares sense."""
    across = np.eye(3) - axis[:, :, None] * axis[:, None, :]
    matrix = across.sum(axis=0) + 1e-9 * len(axis) * np.eye(3)
    right = (across @ position[..., None]).sum(axis=0)[:, 0] + 1e-9 * position.sum(axis=0)
    found: np.ndarray = np.linalg.solve(matrix, right)
    return found


def _mean_up(poses: np.ndarray) -> np.ndarray:
    up: np.ndarray = poses[:, :3, 1].mean(axis=0)
    axis = np.zeros(3)
    axis[int(np.abs(up).argmax())] = np.sign(up[int(np.abs(up).argmax())]) or 1.0
    return axis


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    unit: np.ndarray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer beyond all floats
        return False


def _kind(value: Any) -> str:
    return "none" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"
