"""Time as a modulation: a scale and a shift of every hidden layer instead of an input of the first.

Source: Perez et al., "FiLM: visual reasoning with a general conditioning layer", AAAI 2018.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Film(nn.Module):
    """s(t) -> a small embedding -> scale and shift of each layer; it begins as scale 1 and small shifts."""

    def __init__(self, n_time_features: int, width: int, hidden: int, n_layers: int) -> None:
        super().__init__()
        self.embed = nn.Linear(n_time_features, width)
        self.layers = nn.ModuleList(nn.Linear(width, 2 * hidden) for _ in range(n_layers))
        for layer in self.layers:
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Scale and shift of each layer.

        Args:
            features: (T, 2F) of `time_features`.

        Returns:
            Per layer: scale (T, hidden), which multiplies W x + b, and shift (T, hidden), which is added then.
        """
        embedding = functional.relu(self.embed(features))
        both = [layer(embedding).chunk(2, dim=-1) for layer in self.layers]
        return [(1.0 + scale, shift) for scale, shift in both]


def modulate(x: Tensor, scale_and_shift: tuple[Tensor, Tensor]) -> Tensor:
    """(N, T or 1, hidden) -> (N, T, hidden)."""
    scale, shift = scale_and_shift
    return torch.addcmul(shift[None], x, scale[None])
