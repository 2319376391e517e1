"""Maps and an hour to RGB: an affine map of the hour beside a few hidden units, whose biases are of the hour too."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class HourlyHead(nn.Module):
    """rgb(t) = A_t z + V_t relu(W z + c_t) + b_t, one A, V, c and b for each stored hour.

    Attributes:
        matrix: (T, 3, K) A.
        offset: (T, 3) b.
        gather: (U, K) W, of maps over `scales`.
        spread: (T, 3, U) V.
        biases: (T, U) c.
        scales: (K,) spread of each map.
    """

    scales: Tensor

    def __init__(
        self, matrix: Tensor, offset: Tensor, scales: Tensor, n_units: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        n_hours, _, n_maps = matrix.shape
        self.matrix, self.offset = nn.Parameter(matrix.clone()), nn.Parameter(offset.clone())
        self.gather = nn.Parameter(torch.randn(n_units, n_maps, generator=generator))
        self.spread = nn.Parameter(torch.zeros(n_hours, 3, n_units))
        self.biases = nn.Parameter(torch.randn(1, n_units, generator=generator).repeat(n_hours, 1))
        self.register_buffer("scales", scales)

    def units(self, maps: Tensor, hours: Tensor) -> Tensor:
        """(H, U, N) hidden units of maps (K, N) at stored hours by number."""
        shared = (self.gather / self.scales) @ maps
        return torch.relu(shared + self.biases[hours][:, :, None])

    def forward(self, maps: Tensor, hours: Tensor) -> Tensor:
        """(H, 3, N) of maps (K, N) at stored hours by number."""
        affine = (self.matrix[hours].flatten(0, 1) @ maps).unflatten(0, (-1, 3)) + self.offset[hours][:, :, None]
        return torch.baddbmm(affine, self.spread[hours], self.units(maps, hours))
