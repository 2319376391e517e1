"""A shallow CNN that turns the baseline frame into a latent texture F0; only F0 is stored, the CNN is not."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 32


class BaselineEncoder(nn.Module):
    """Baseline frame -> F0 (C0, ceil(H / d), ceil(W / d)): a strided patch convolution, then two of 3 x 3."""

    frame: Tensor

    def __init__(self, baseline: np.ndarray, channels: int, downsample: int) -> None:
        """Make the network.

        Args:
            baseline: (H, W, 3) uint8, invalid texels zero.
            channels: C0.
            downsample: d.
        """
        super().__init__()
        height, width, _ = baseline.shape
        self.shape = (-(-height // downsample), -(-width // downsample))
        image = torch.from_numpy(baseline.astype(np.float32) / 255.0).permute(2, 0, 1)[None]
        padding = (0, self.shape[1] * downsample - width, 0, self.shape[0] * downsample - height)
        self.register_buffer("frame", functional.pad(image, padding, mode="replicate"), persistent=False)
        self.patches = nn.Conv2d(3, WIDTH, downsample, stride=downsample)
        self.mix = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.out = nn.Conv2d(WIDTH, channels, 3, padding=1)

    def forward(self) -> Tensor:
        """(rows * columns, C0) latents, row by row."""
        x = functional.relu(self.patches(self.frame))
        x = functional.relu(self.mix(x))
        return self.out(x)[0].flatten(1).T.to(torch.float32)  # as the grids, under autocast too


def masked_frame(frame: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 with the invalid texels, which may hold anything, set to zero."""
    masked: np.ndarray = np.where(valid[..., None], frame, 0).astype(np.uint8)
    return masked
