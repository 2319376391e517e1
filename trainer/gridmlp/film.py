"""Time as a modulation: a scale and a shift of every hidden layer instead of an input of the first.

Source: Perez et al., "FiLM: visual reasoning with a general conditioning layer", AAAI 2018.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from .quantization import fake_weight


class Film(nn.Module):
    """s(t) -> a small embedding -> scale and shift of each layer; it begins as scale 1 and small shifts."""

    def __init__(self, n_time_features: int, width: int, hidden: int, n_layers: int) -> None:
        super().__init__()
        self.embed = nn.Linear(n_time_features, width)
        self.layers = nn.ModuleList(nn.Linear(width, 2 * hidden) for _ in range(n_layers))
        for layer in self.modulators:
            nn.init.zeros_(layer.bias)

    @property
    def modulators(self) -> list[nn.Linear]:
        """Embedding -> scale and shift, per layer."""
        return cast("list[nn.Linear]", list(self.layers))

    def forward(self, features: Tensor, dtype: str) -> list[tuple[Tensor, Tensor]]:
        """Scale and shift of each layer.

        Args:
            features: (T, 2F) of `time_features`.
            dtype: As for `fake_weight`.

        Returns:
            Per layer: scale (T, hidden), which multiplies W x + b, and shift (T, hidden), which is added then.
        """

        def linear(layer: nn.Linear, x: Tensor) -> Tensor:
            return functional.linear(x, fake_weight(layer.weight, dtype), layer.bias)

        embedding = functional.relu(linear(self.embed, features))
        both = [linear(layer, embedding).chunk(2, dim=-1) for layer in self.modulators]
        return [(1.0 + scale, shift) for scale, shift in both]


def modulate(x: Tensor, scale_and_shift: tuple[Tensor, Tensor]) -> Tensor:
    """(N, T or 1, hidden) -> (N, T, hidden)."""
    scale, shift = scale_and_shift
    return torch.addcmul(shift[None], x, scale[None])
