"""Poses of cameras that go around a scene."""

from __future__ import annotations

import math

import numpy as np


def look_at(position: np.ndarray, target: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(4, 4) camera-to-world pose: the camera's -z points to the target, its y is upward."""
    back = (position - target) / np.linalg.norm(position - target)
    right = np.cross(up, back)
    if np.linalg.norm(right) < 1e-9:  # straight up or down: any side is as good
        right = np.cross(np.roll(up, 1), back)
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2], pose[:3, 3] = right, np.cross(back, right), back, position
    return pose


def spiral(
    center: np.ndarray, radius: float, n: int, *, up: np.ndarray, elevation: float = 0.5, swing: float = 0.3
) -> np.ndarray:
    """One round about a center, up and down and out and in on the way; the last pose leads back to the first.

    Args:
        center: (3,), what the camera looks at.
        radius: Mean distance.
        n: Poses.
        up: (3,) axis of the round.
        elevation: Mean angle above the plane, radians.
        swing: Change of the elevation in radians, and of the distance as a fraction of the radius.

    Returns:
        (n, 4, 4).
    """
    up = up / np.linalg.norm(up)
    side = np.cross(up, [1.0, 0.0, 0.0] if abs(up[0]) < 0.9 else [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side)
    other = np.cross(up, side)
    poses = []
    for angle in np.arange(n) * (2.0 * math.pi / n):
        height = elevation + 0.5 * swing * math.sin(2.0 * angle)
        distance = radius * (1.0 + swing * math.sin(angle))
        flat = math.cos(angle) * side + math.sin(angle) * other
        direction = math.cos(height) * flat + math.sin(height) * up
        poses.append(look_at(center + distance * direction, center, up))
    return np.stack(poses)
