"""What is trained: the latents of all tiles, and the head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from todpack.packer.daybasis.tiles import Tile

from .head import HourlyHead
from .latents import TileLatents

TEXELS = 1 << 13
"""Texels whose days are worked on at a time outside of gradient descent."""
RIDGE = 1e-9


def pieces(maps: Tensor, days: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Maps (K, n) and days (n, T, 3) of some texels of a tile at a time."""
    return zip(maps.split(TEXELS, 1), days.split(TEXELS), strict=True)


@dataclass
class RdModel:
    """A lightmap's model and what it is to give.

    Attributes:
        tiles: Those with valid texels.
        latents: Of each of them.
        head: Shared.
        centroids: Reconstruction points of integers.
        q_step: Width of a bin.
    """

    tiles: list[Tile]
    latents: list[TileLatents]
    head: HourlyHead
    centroids: tuple[float, float]
    q_step: float

    def __post_init__(self) -> None:
        n_hours = len(self.head.biases)
        self.days = [torch.from_numpy(t.days.astype(np.float32).reshape(-1, n_hours, 3)) for t in self.tiles]
        """(N, T, 3) of each tile."""
        self.n_values = sum(days.numel() for days in self.days)

    @property
    def hours(self) -> Tensor:
        """All stored hours, by number."""
        return torch.arange(len(self.head.biases))

    @torch.no_grad()
    def maps(self) -> list[Tensor]:
        """(K, N) decoded maps of each tile, of the rounded latents."""
        return [tile.maps(tile.coefficients.round(), self.centroids) for tile in self.latents]

    @torch.no_grad()
    def refit(self, maps: list[Tensor]) -> float:
        """Least squares for A, V and b of every hour, with the hidden units as they are.

        Args:
            maps: From `maps`.

        Returns:
            The mean squared error that it leaves.
        """
        head, n_maps, error = self.head, len(maps[0]), 0.0
        n_units = len(head.gather)
        size = n_maps + n_units + 1
        grams, crosses = np.zeros((len(self.hours), size, size)), np.zeros((len(self.hours), size, 3))
        squares = np.zeros(len(self.hours))
        for some, days in chain.from_iterable(map(pieces, maps, self.days)):
            features = torch.cat([some, some.new_zeros(n_units, some.shape[1]), some.new_ones(1, some.shape[1])])
            shared = (head.gather / head.scales) @ some
            plain = (features @ features.T).numpy()
            for hour in range(len(self.hours)):
                if n_units:
                    features[n_maps:-1] = torch.relu(shared + head.biases[hour][:, None])
                    plain = (features @ features.T).numpy()
                grams[hour] += plain
                crosses[hour] += (features @ days[:, hour]).numpy()
                squares[hour] += float(days[:, hour].square().sum(dtype=torch.float64))
        for hour, (gram, cross) in enumerate(zip(grams, crosses, strict=True)):
            ridge = RIDGE * np.diag(np.diagonal(gram) + 1e-3 * np.trace(gram) / size)
            found = np.linalg.solve(gram + ridge, cross)
            error += squares[hour] - 2 * float((found * cross).sum()) + float((found * (gram @ found)).sum())
            numbers = torch.from_numpy(found.T.astype(np.float32))
            head.matrix[hour], head.offset[hour] = numbers[:, :n_maps], numbers[:, -1]
            head.spread[hour] = numbers[:, n_maps:-1]
        return max(error / self.n_values, 1e-9)
