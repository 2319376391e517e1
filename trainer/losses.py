"""Differentiable losses that several families share: structural similarity, and LPIPS where its weights are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import conv2d

from trainer.errors import ConfigError

if TYPE_CHECKING:
    from eval.perceptual import Lpips

Tensor = torch.Tensor

SIGMA = 1.5
K1, K2 = 0.01, 0.03


def ssim_loss(images: Tensor, originals: Tensor, side: int = 11) -> Tensor:
    """1 - SSIM, mean over all windows that fit.

    Args:
        images: (N, C, H, W) in [0, 1].
        originals: Same shape.
        side: Of the gaussian window; smaller where the images are smaller.

    Returns:
        Scalar in [0, 2].

    Source: Wang et al., IEEE TIP 2004, section III.B; eval/ssim.py has the measure.
    """
    side = min(side, images.shape[2], images.shape[3])
    at = torch.arange(side, device=images.device, dtype=images.dtype) - (side - 1) / 2
    weights = torch.exp(-0.5 * (at / SIGMA) ** 2)
    weights = weights / weights.sum()
    n, c, h, w = images.shape

    def blur(x: Tensor) -> Tensor:
        x = x.reshape(n * c, 1, h, w)
        return conv2d(conv2d(x, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))

    mean_x, mean_y = blur(images), blur(originals)
    variance_x = blur(images * images) - mean_x * mean_x
    variance_y = blur(originals * originals) - mean_y * mean_y
    covariance = blur(images * originals) - mean_x * mean_y
    c1, c2 = K1**2, K2**2
    similarity = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    )
    return 1 - similarity.mean()


def load_lpips_loss(option: str, device: torch.device) -> Lpips:
    """LPIPS for training; its `distance_tensor` is differentiable.

    Args:
        option: The option that asked for it, for the message.
        device: Of the images.

    Raises:
        ConfigError: its weights are not found.
    """
    from eval.perceptual import LpipsAbsent, load_lpips

    lpips = load_lpips(device=str(device))
    if isinstance(lpips, LpipsAbsent):
        raise ConfigError(f"{option}: LPIPS is absent: {lpips.reason}")
    return lpips
