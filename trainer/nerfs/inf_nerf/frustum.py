"""Which nodes an image can ask for: those cut by the camera's frustum, at the depths that its samples have there."""

from __future__ import annotations

import numpy as np

from ..config import InfNeRFConfig
from .octree import Octree
from .posed_images import Intrinsics


def nodes_in_frustum(config: InfNeRFConfig, octree: Octree, pose: np.ndarray, camera: Intrinsics) -> np.ndarray:
    """Nodes that samples of an image may fall to; every node that one does fall to is among them.

    A node is a ball around its cube here. The first pass, which asks no deeper than `proposal_depth`, counts.

    Args:
        config: The model's configuration.
        octree: The model's octree.
        pose: (4, 4) camera to world.
        camera: Intrinsics.

    Returns:
        (n,) bool; the root is always among them.
    """
    edge = config.root_edge / (1 << octree.depth)
    middle = (octree.cell + 0.5) * edge[:, None] - config.scene_bound + np.asarray(config.scene_center)
    local = (middle - pose[:3, 3]) @ pose[:3, :3]
    depth_of_view, ball = -local[:, 2], 0.5 * np.sqrt(3.0) * edge
    seen = depth_of_view + ball > 0.0
    cx, cy = camera.center
    for axis, low, high in ((0, -cx, camera.width - cx), (1, cy - camera.height, cy)):
        left = np.array([1.0, -low / camera.focal_length])  # inward normals in the plane of (axis, depth of view)
        right = np.array([-1.0, high / camera.focal_length])
        for normal in (left, right):
            distance = (local[:, axis] * normal[0] + depth_of_view * normal[1]) / np.linalg.norm(normal)
            seen &= distance > -ball
    slope = 0.5 / camera.focal_length
    nearest = np.maximum(depth_of_view - ball, 1e-9 * config.scene_bound) * slope
    farthest = np.maximum(depth_of_view + ball, 1e-9 * config.scene_bound) * slope
    finest = np.clip(np.rint(np.log2(config.gsd(0) / nearest)), 0, config.max_depth)
    coarsest = np.clip(np.rint(np.log2(config.gsd(0) / farthest)), 0, config.max_depth)
    takes_rest = (octree.children < 0).any(axis=1)
    if config.proposal_samples > 0:
        takes_rest |= octree.depth == config.proposal_depth
    seen &= (finest >= octree.depth) & ((coarsest <= octree.depth) | takes_rest)
    seen[0] = True
    result: np.ndarray = seen
    return result
