"""Rays of cameras, and all pixels of an image pyramid to draw from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from todpack.frames.errors import DataError

from .posed_images import Intrinsics, PosedImages


@dataclass(frozen=True)
class RayBatch:
    """Rays and what they should see.

    Attributes:
        rays_o: (N, 3).
        rays_d: (N, 3), one unit of depth long.
        focal_length: (N,) pixels of scale 1.
        pixel_width: (N,) 2^s for scale 1/2^s.
        rgb: (N, 3).
    """

    rays_o: Tensor
    rays_d: Tensor
    focal_length: Tensor
    pixel_width: Tensor
    rgb: Tensor


def camera_rays(pose: np.ndarray, camera: Intrinsics) -> tuple[Tensor, Tensor]:
    """Rays through the middles of all pixels.

    Args:
        pose: (4, 4) camera to world.
        camera: Intrinsics.

    Returns:
        (H W, 3) origins and directions of unit depth, row by row.
    """
    rows, columns = np.mgrid[0 : camera.height, 0 : camera.width]
    x = (columns + 0.5 - camera.center[0]) / camera.focal_length
    y = -(rows + 0.5 - camera.center[1]) / camera.focal_length
    local = np.stack([x, y, -np.ones_like(x)], axis=-1).reshape(-1, 3)
    directions = local @ pose[:3, :3].T
    origins = np.broadcast_to(pose[:3, 3], directions.shape)
    return torch.from_numpy(origins.astype(np.float32)), torch.from_numpy(directions.astype(np.float32))


def halved(image: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels; an odd last row or column is left out."""
    h, w = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    means: np.ndarray = image[:h, :w].reshape(h // 2, 2, w // 2, 2, -1).mean(axis=(1, 3))
    return means


def pyramid(image: np.ndarray, levels: int) -> list[np.ndarray]:
    """The image at scales 1, 1/2, 1/4 ..., as many of `levels` as have a pixel."""
    scales = [image]
    while len(scales) < levels and min(scales[-1].shape[:2]) >= 2:
        scales.append(halved(scales[-1]))
    return scales


class PixelPyramid:
    """All pixels of all scales of all images, each equally likely to be drawn.

    Attributes:
        n_pixels: How many.
    """

    def __init__(self, images: PosedImages, levels: int, device: torch.device) -> None:
        """Build the pyramids (float16 in memory).

        Raises:
            DataError: there is no image.
        """
        if len(images) == 0:
            raise DataError(f"{images.name}: expected at least one image to train on, found none")
        colors, starts, widths, planes, total = [], [], [], [], 0
        for number, image in enumerate(images.images):
            for scale, reduced in enumerate(pyramid(image, levels)):
                colors.append(reduced.reshape(-1, 3).astype(np.float16))
                starts.append(total)
                widths.append(reduced.shape[1])
                planes.append((number, scale))
                total += len(colors[-1])
        self.n_pixels = total
        self._colors = torch.from_numpy(np.concatenate(colors)).to(device)
        self._starts = torch.tensor(starts, device=device)
        self._widths = torch.tensor(widths, device=device)
        self._planes = torch.tensor(planes, device=device)
        self._poses = torch.from_numpy(images.poses.astype(np.float32)).to(device)
        self._focal = torch.tensor([c.focal_length for c in images.intrinsics], device=device)
        self._center = torch.tensor([c.center for c in images.intrinsics], dtype=torch.float32, device=device)

    def batch(self, index: Tensor) -> RayBatch:
        """The rays of pixels by number, (N,) int64 in 0..n_pixels - 1."""
        index = index.to(self._starts.device)
        plane = torch.searchsorted(self._starts, index, right=True) - 1
        image, scale = self._planes[plane].unbind(1)
        within, pixel_width = index - self._starts[plane], torch.exp2(scale.float())
        row, column = within // self._widths[plane], within % self._widths[plane]
        focal, center, pose = self._focal[image], self._center[image], self._poses[image]
        x = ((column + 0.5) * pixel_width - center[:, 0]) / focal
        y = -((row + 0.5) * pixel_width - center[:, 1]) / focal
        local = torch.stack([x, y, -torch.ones_like(x)], dim=1)
        directions = (pose[:, :3, :3] @ local[..., None])[..., 0]
        return RayBatch(pose[:, :3, 3], directions, focal, pixel_width, self._colors[index].float())
