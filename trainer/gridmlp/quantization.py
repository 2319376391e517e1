"""Fake quantization, where the forward pass sees the packed values and the backward pass goes straight through; and the
ranges of the grids that it needs.

Source: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
CVPR 2018, section 3; the bins are those of packer/gridmlp/quantize.py and frame_graph.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from todpack.packer.gridmlp.quantize import quantize_grid

if TYPE_CHECKING:
    from .model import GridMlp
    from .validation import Validation

HIGHEST_CODE = 255  # of uint8
PERCENTILES = (100.0, 99.99, 99.95, 99.9, 99.5)


def straight_through(value: Tensor, quantized: Tensor) -> Tensor:
    """`quantized` forward, the gradient of `value` backward."""
    return value + (quantized - value).detach()


def affine_of(grid: Tensor, percentile: float) -> Tensor:
    """Bin width and zero point of each channel, as the packer finds them.

    Args:
        grid: (N, C).
        percentile: As for `todpack pack --percentile`.

    Returns:
        (2, C) float32: scales, zero points.
    """
    packed = quantize_grid(grid.detach().cpu().numpy()[None], "uint8", percentile)
    zero_points = torch.from_numpy(packed.zero_points).to(torch.float32)
    return torch.stack([torch.from_numpy(packed.scales), zero_points]).to(grid.device)


def fake_grid(grid: Tensor, affine: Tensor) -> Tensor:
    """A grid as its uint8 codes will give it back, see `affine_of`."""
    scales, zero_points = affine
    codes = (torch.round(grid.detach() / scales) + zero_points).clamp(0, HIGHEST_CODE)
    return straight_through(grid, (codes - zero_points) * scales)


def fake_weight(weight: Tensor, dtype: str) -> Tensor:
    """A weight matrix as it will be stored: "int8" with one scale per row, "fp16", or as it is ("off")."""
    if dtype == "off":
        return weight
    if dtype == "fp16":
        return straight_through(weight, weight.detach().to(torch.float16).to(torch.float32))
    peak = weight.detach().abs().amax(dim=1, keepdim=True)
    scale = torch.where(peak > 0, peak / 127.0, torch.ones_like(peak))
    return straight_through(weight, torch.round(weight.detach() / scale).clamp(-127, 127) * scale)


@dataclass(frozen=True)
class Calibration:
    """The share of values inside the ranges, in percent, and (2, C) scales and zero points per level."""

    percentile: float
    affines: dict[int, Tensor]


def calibrate(model: GridMlp, levels: Iterable[int], validation: Validation | None) -> Calibration:
    """Find the ranges of the grids.

    Args:
        model: Trained model; it is not changed.
        levels: Levels to quantize.
        validation: Frames that tell the best of `PERCENTILES`; None takes min..max.
    """
    chosen, before = tuple(levels), model.affines
    best, best_db = None, float("-inf")
    for percentile in PERCENTILES if validation is not None else PERCENTILES[:1]:
        affines = {level: affine_of(model.level(level), percentile) for level in chosen}
        model.affines = affines
        psnr_db = validation.psnr_db(model) if validation is not None else 0.0
        if psnr_db > best_db:
            best, best_db = Calibration(percentile, affines), psnr_db
    model.affines = before
    assert best is not None  # PSNR is a number, so the first is better than nothing
    return best
