"""Hash grids: a level's nodes share a table of fewer entries.

Source: Mueller et al., "Instant neural graphics primitives", SIGGRAPH 2022, section 3; the hash itself is FORMAT.md's,
of products and remainders alone, because ONNX's operator set 17 has no exclusive or.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from todpack.decompressor.gridmlp import HASH_FACTORS, HASH_PRIME


def hash_nodes(rows: Tensor, columns: Tensor, capacity: int, seed: int, table: int) -> Tensor:
    """Entry of each node: ((u u) mod P) mod capacity with u = (row a + column b + seed) mod P.

    Args:
        rows: int64 row indices of nodes, under 2^16.
        columns: int64 column indices, same shape.
        capacity: M.
        seed: Under 2^31.
        table: Which pair of factors (a, b), 0 or 1.

    Returns:
        int64 in 0..M - 1; no product leaves 63 bits.
    """
    a, b = HASH_FACTORS[table]
    mixed = (rows * a + columns * b + seed).remainder(HASH_PRIME)
    return (mixed * mixed).remainder(HASH_PRIME).remainder(capacity)


class HashLevel(nn.Module):
    """One level of (rows, columns) nodes in a table of M entries.

    Merge "mean": nodes that collide share one entry. Merge "learned": each node has two entries by two hashes, and a
    C x 2C matrix, which begins as their mean, makes one feature of them.
    """

    def __init__(self, shape: tuple[int, int], channels: int, capacity: int, seed: int, merge: str) -> None:
        super().__init__()
        self.shape, self.seed = shape, seed
        self.table = nn.Parameter(1e-2 * torch.randn(capacity, channels))
        half = 0.5 * torch.eye(channels)
        self.merge = nn.Parameter(torch.cat([half, half], dim=1)) if merge == "learned" else None

    def entries(self, nodes: Tensor) -> list[Tensor]:
        """Entries of nodes (row * columns + column), one tensor of the same shape per hash."""
        rows, columns = nodes.div(self.shape[1], rounding_mode="floor"), nodes.remainder(self.shape[1])
        n_hashes = 1 if self.merge is None else 2
        return [hash_nodes(rows, columns, len(self.table), self.seed, i) for i in range(n_hashes)]

    def forward(self, table: Tensor, nodes: Tensor, weights: Tensor) -> Tensor:
        """Weighted sums of nodes' features.

        Args:
            table: (M, C), the table as it is or as it will be quantized.
            nodes: (N, 4) int64.
            weights: (N, 4).

        Returns:
            (N, C).
        """
        sums = [
            functional.embedding_bag(entries, table, per_sample_weights=weights, mode="sum")
            for entries in self.entries(nodes)
        ]
        return sums[0] if self.merge is None else torch.cat(sums, dim=1) @ self.merge.T

    @torch.no_grad()
    def start_from(self, grid: Tensor) -> None:
        """Set each entry to the mean of the nodes that share it; entries without a node stay.

        Args:
            grid: (rows * columns, C), a dense level of the same shape.
        """
        total, count = torch.zeros_like(self.table), torch.zeros_like(self.table[:, :1])
        for entries in self.entries(torch.arange(len(grid), device=grid.device)):
            total.index_add_(0, entries, grid)
            count.index_add_(0, entries, torch.ones_like(grid[:, :1]))
        self.table.copy_(torch.where(count > 0, total / count.clamp(min=1.0), self.table))
