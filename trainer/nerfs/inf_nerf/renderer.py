"""Images and videos of a trained model, with no more of it in memory than they show."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from todpack.packer.errors import ConfigError
from todpack.packer.progress import ProgressLine

from ...device import out_of_memory_is_one_line
from ..config import InfNeRFRendererConfig
from .frustum import nodes_in_frustum
from .lazy_fields import LazyFields
from .model import InfNeRF
from .model_file import ModelFile
from .node_fields import FieldLayout
from .posed_images import Intrinsics
from .rays import camera_rays
from .trajectories import spiral
from .video import write_video

NEAR = 1e-3  # of the scene's bound


@dataclass(frozen=True)
class Touched:
    """What one image needed.

    Attributes:
        fields: Fields that were evaluated (nodes, and the background).
        in_frustum: Nodes that the camera could have asked for.
        total: Fields of the model.
        field_bytes: Parameters of one field.
    """

    fields: int
    in_frustum: int
    total: int
    field_bytes: int

    @property
    def size_bytes(self) -> int:
        """Parameters that were evaluated."""
        return self.fields * self.field_bytes

    @property
    def share(self) -> float:
        """Fraction of the model's parameters, 0..1."""
        return self.fields / self.total


class InfNeRFRenderer:
    """Renders a model.

    Attributes:
        model: In memory, or with fields that are read from its file when they are asked for.
        config: Size of images, bounds of memory.
        touched: What the last image needed.
        touched_mask: (n + 1,) bool, the fields that the last image evaluated.
    """

    def __init__(self, model: InfNeRF, config: InfNeRFRendererConfig | None = None) -> None:
        self.model = model.eval()
        self.config = config or InfNeRFRendererConfig()
        model.samples_at_once = self.config.render_chunk_size
        self.cameras: dict | None = None
        self.touched = Touched(0, 0, len(model.octree) + 1, 4 * FieldLayout(model.config).n_parameters)
        self.touched_mask = np.zeros(len(model.octree) + 1, bool)

    @staticmethod
    def from_checkpoint(
        path: str | Path, config: InfNeRFRendererConfig | None = None, device: torch.device | None = None
    ) -> InfNeRFRenderer:
        """A renderer that reads nodes of a model's file when an image asks for them.

        Args:
            path: `model.infnerf`, or the run folder that holds it.
            config: How to render.
            device: Where to render; None: CUDA where there is one.

        Raises:
            TrainingError: missing, damaged or of another kind.
        """
        from .model_file import MODEL_NAME

        config = config or InfNeRFRendererConfig()
        device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
        path = Path(path)
        file = ModelFile(path / MODEL_NAME if path.is_dir() else path)
        fields = LazyFields(file, device, config.max_resident_bytes)
        renderer = InfNeRFRenderer(InfNeRF(file.config, file.octree, fields).to(device), config)
        renderer.cameras = file.cameras
        return renderer

    @torch.no_grad()
    def render_image(self, camera_pose: np.ndarray, intrinsics: Intrinsics | np.ndarray) -> dict[str, np.ndarray]:
        """Render one view in the configuration's size.

        Args:
            camera_pose: (4, 4) camera to world; the camera looks along its -z, y is up.
            intrinsics: Camera; or (3, 3) matrix in pixels of the configuration's size.

        Returns:
            rgb (H, W, 3) float32, 0..1; depth (H, W) and alpha (H, W) if the configuration says so.

        Raises:
            ConfigError: a pose that is not finite or not of that shape.
            TrainingError: a damaged model, or out of memory.
        """
        pose = np.asarray(camera_pose, dtype=np.float64)
        if pose.shape != (4, 4) or not np.isfinite(pose).all():
            raise ConfigError(f"camera_pose: expected 4 x 4 finite numbers, found shape {pose.shape}")
        camera = self._camera(intrinsics)
        model, device = self.model, self.model.center.device
        in_frustum = nodes_in_frustum(model.config, model.octree, pose, camera)
        if isinstance(model.fields, LazyFields):
            model.fields.keep_only({*np.flatnonzero(in_frustum).tolist(), len(model.octree)})
        model.touched = torch.zeros(len(model.octree) + 1, dtype=torch.bool, device=device)
        rays_o, rays_d = camera_rays(pose, camera)
        parts: dict[str, list[torch.Tensor]] = {"rgb": [], "depth": [], "alpha": []}
        options = "--max-rays-per-batch or --render-chunk-size"
        with out_of_memory_is_one_line(device, options):
            for start in range(0, len(rays_o), self.config.max_rays_per_batch):
                chosen = slice(start, start + self.config.max_rays_per_batch)
                o, d = rays_o[chosen].to(device), rays_d[chosen].to(device)
                outputs = model(o, d, NEAR * model.config.scene_bound, float("inf"), camera.focal_length, 1.0)
                for name, values in parts.items():
                    values.append(outputs[name].cpu())
        self.touched_mask = model.touched.cpu().numpy()
        self.touched = dataclasses.replace(
            self.touched, fields=int(self.touched_mask.sum()), in_frustum=int(in_frustum.sum())
        )
        model.touched = None
        shape = (camera.height, camera.width)
        image = {"rgb": torch.cat(parts["rgb"]).clamp(0.0, 1.0).reshape(*shape, 3).numpy()}
        for name, wanted in (("depth", self.config.save_depth), ("alpha", self.config.save_alpha)):
            if wanted:
                image[name] = torch.cat(parts[name]).reshape(shape).numpy()
        return image

    def _camera(self, intrinsics: Intrinsics | np.ndarray) -> Intrinsics:
        width, height = self.config.image_width, self.config.image_height
        if isinstance(intrinsics, Intrinsics):
            return intrinsics.resized(width, height)
        matrix = np.asarray(intrinsics, dtype=np.float64)
        if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or matrix[0, 0] <= 0.0:
            raise ConfigError(f"intrinsics: expected a 3 x 3 matrix with a positive focal length, found {matrix.shape}")
        return Intrinsics(width, height, float(matrix[0, 0]), (float(matrix[0, 2]), float(matrix[1, 2])))

    def frames(
        self, trajectory: np.ndarray, intrinsics: Intrinsics | np.ndarray, quiet: bool = False
    ) -> Iterator[np.ndarray]:
        """(H, W, 3) uint8 images of poses (N, 4, 4), one by one, with a line of progress."""
        with ProgressLine("render", "frame", len(trajectory), quiet=quiet) as line:
            for number, pose in enumerate(trajectory):
                line.update(number)
                yield np.rint(255.0 * self.render_image(pose, intrinsics)["rgb"]).astype(np.uint8)

    def render_video(
        self,
        camera_trajectory: np.ndarray,
        intrinsics: Intrinsics | np.ndarray,
        output_path: str | Path,
        fps: int = 24,
        quiet: bool = False,
    ) -> None:
        """Write a video of poses (N, 4, 4).

        Raises:
            ConfigError: no poses, or PyAV is missing.
            OutputError: it cannot be written.
        """
        if len(camera_trajectory) == 0:
            raise ConfigError("camera_trajectory: expected at least one pose, found none")
        width, height = self.config.image_width, self.config.image_height
        write_video(Path(output_path), self.frames(camera_trajectory, intrinsics, quiet), width, height, fps)

    def render_spiral_video(
        self,
        center: np.ndarray,
        radius: float,
        num_frames: int,
        intrinsics: Intrinsics | np.ndarray,
        output_path: str | Path,
        *,
        up: tuple[float, float, float] = (0.0, 0.0, 1.0),
        elevation: float = 0.5,
        fps: int = 24,
        quiet: bool = False,
    ) -> None:
        """Write a video of one round about a center; see `trajectories.spiral`.

        Raises:
            ConfigError: a radius that is not positive, no frames, or PyAV is missing.
            OutputError: it cannot be written.
        """
        if not (radius > 0.0 and num_frames > 0):
            raise ConfigError(f"spiral: expected a positive radius and frames, found {radius:g} and {num_frames}")
        around = spiral(np.asarray(center, np.float64), radius, num_frames, up=np.asarray(up), elevation=elevation)
        self.render_video(around, intrinsics, output_path, fps, quiet)
