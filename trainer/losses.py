"""Differentiable losses that several families share: structural similarity, and LPIPS where its weights are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from todpack.packer.errors import ConfigError

if TYPE_CHECKING:
    from todpack.eval.measures.perceptual import Lpips

Tensor = torch.Tensor

SIGMA = 1.5
RADIUS = 5
C1, C2 = 0.01**2, 0.03**2  # eval/measures/ssim.py's constants for a peak of 1


def ssim(reference: Tensor, prediction: Tensor, valid: Tensor) -> Tensor:
    """Mean SSIM of the windows that fit into the patches, each counted by its center's validity.

    Args:
        reference: (N, 3, P, P), P >= 11, peak 1.
        prediction: Same shape.
        valid: (N, P, P) float, 1 or 0.

    Returns:
        Scalar, at most 1; 1 where no center is valid.

    Source: Wang et al., IEEE TIP 2004; eval/measures/ssim.py is the measure, with borders.
    """
    n, _, height, width = reference.shape
    offsets = torch.arange(-RADIUS, RADIUS + 1, device=reference.device, dtype=reference.dtype)
    kernel = torch.exp(-0.5 * (offsets / SIGMA) ** 2)
    kernel = kernel / kernel.sum()

    def blur(maps: Tensor) -> Tensor:
        rows = functional.conv2d(maps.reshape(-1, 1, height, width), kernel.view(1, 1, -1, 1))
        return functional.conv2d(rows, kernel.view(1, 1, 1, -1)).reshape(n, 3, height - 2 * RADIUS, width - 2 * RADIUS)

    mean_x, mean_y = blur(prediction), blur(reference)
    mean_product, mean_squares = mean_x * mean_y, mean_x.square() + mean_y.square()
    covariance = blur(prediction * reference) - mean_product
    variances = (blur(prediction.square() + reference.square()) - mean_squares).clamp(min=0.0)
    similarity = ((2 * mean_product + C1) * (2 * covariance + C2)) / ((mean_squares + C1) * (variances + C2))
    weight = valid[:, None, RADIUS:-RADIUS, RADIUS:-RADIUS].expand_as(similarity)
    return 1.0 - ((1.0 - similarity) * weight).sum() / weight.sum().clamp(min=1.0)


def load_lpips_loss(option: str, device: torch.device) -> Lpips:
    """LPIPS for training; its `distance_tensor` is differentiable.

    Args:
        option: The option that asked for it, for the message.
        device: Where the images are.

    Raises:
        ConfigError: its weights are not found.
    """
    from todpack.eval.measures.perceptual import LpipsAbsent, load_lpips

    lpips = load_lpips(device=str(device))
    if isinstance(lpips, LpipsAbsent):
        raise ConfigError(f"{option}: LPIPS is absent: {lpips.reason}")
    return lpips
