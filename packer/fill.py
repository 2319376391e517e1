"""Fill invalid texels so that they cost little: averages of valid neighbors from ever coarser levels (push-pull)."""

from __future__ import annotations

import numpy as np


def fill_invalid(image: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Replace invalid texels by a smooth continuation of the valid ones.

    Args:
        image: (H, W, C) float.
        valid: (H, W) bool; with no valid texel at all the result is zero.

    Returns:
        (H, W, C) float64, equal to `image` at valid texels.
    """
    height, width = valid.shape
    weight = valid[..., None].astype(np.float64)
    total = np.where(weight > 0, image, 0.0).astype(np.float64)
    if valid.all() or height * width == 1:
        return total
    padding = ((0, height % 2), (0, width % 2), (0, 0))
    blocks = (-(-height // 2), 2, -(-width // 2), 2, -1)
    coarse_weight = np.pad(weight, padding).reshape(blocks).sum(axis=(1, 3))
    coarse_total = np.pad(total, padding).reshape(blocks).sum(axis=(1, 3))
    mean = coarse_total / np.maximum(coarse_weight, 1.0)
    coarse = fill_invalid(mean, coarse_weight[..., 0] > 0)
    fine = coarse.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return np.where(weight > 0, image, fine)
