"""Fake quantisation: the forward pass sees the packed values, the backward pass goes straight through.

Source: Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference",
CVPR 2018, section 3; the bins are those of packer/quantize.py and packer/gridmlp_graphs.py.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

N_CODES = 255  # of uint8, the highest code


def straight_through(value: Tensor, quantized: Tensor) -> Tensor:
    """`quantized` forward, the gradient of `value` backward."""
    return value + (quantized - value).detach()


def affine_of(grid: Tensor, percentile: float) -> Tensor:
    """Bin width and zero point of each channel.

    Args:
        grid: (N, C).
        percentile: As for `todpack pack --percentile`.

    Returns:
        (2, C) float32: scales, zero points.
    """
    flat = grid.detach().to("cpu", torch.float64).numpy()
    low, high = (torch.from_numpy(end) for end in np.percentile(flat, [100.0 - percentile, percentile], axis=0))
    scales = ((high - low) / (N_CODES - 1)).clamp(min=1e-12).to(torch.float32)
    # zero points stay exact in float32
    scales = torch.maximum(scales, (low.abs() / (1 << 20)).to(torch.float32))
    return torch.stack([scales, (-low / scales.to(torch.float64)).round().to(torch.float32)]).to(grid.device)


def fake_grid(grid: Tensor, affine: Tensor) -> Tensor:
    """A grid as its uint8 codes will give it back, see `affine_of`."""
    scales, zero_points = affine
    codes = (torch.round(grid.detach() / scales) + zero_points).clamp(0, N_CODES)
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
