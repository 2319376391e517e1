"""Hash grids whose nodes choose among several entries, and the choice is learned and stored.

Training has a dense grid of nodes behind the table: forward a node is the nearest of its candidates, backward the
gradient goes to that entry and, straight through, to the node, which so moves on to other candidates.

Source: Takikawa et al., "Compact neural graphics primitives with learned hash probing", SIGGRAPH Asia 2023, section 3;
with all entries as candidates: Takikawa et al., "Variable bitrate neural fields", SIGGRAPH 2022. Both choose by logits
of each candidate; the (negative) distance to a dense node stands for them here, which takes no memory per candidate.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .hash_grid import hash_nodes

CHUNK_NODES = 4096
N_ROUNDS = 12  # of Lloyd's algorithm


class ProbedLevel(nn.Module):
    """One level of (rows, columns) nodes in a table of M entries; node n has entry (hash(n) + index(n)) mod M.

    Attributes:
        stage: "dense": the grid behind the table is all there is; "choosing": the indices follow it; "chosen".
        index: (rows * columns,) int64, 0 .. probes - 1.
    """

    first: Tensor
    index: Tensor

    def __init__(self, shape: tuple[int, int], channels: int, capacity: int, seed: int, probes: int) -> None:
        super().__init__()
        self.shape, self.probes, self.stage = shape, probes, "chosen"
        n_nodes = shape[0] * shape[1]
        self.table = nn.Parameter(1e-2 * torch.randn(capacity, channels))
        self.nodes = nn.Parameter(1e-2 * torch.randn(n_nodes, channels))
        rows, columns = torch.arange(n_nodes).div(shape[1], rounding_mode="floor"), torch.arange(n_nodes) % shape[1]
        first = hash_nodes(rows, columns, capacity, seed, 0) if probes < capacity else torch.zeros_like(rows)
        self.register_buffer("first", first, persistent=False)
        self.register_buffer("index", torch.zeros_like(rows))
        self._metric = torch.eye(channels)

    @property
    def entries(self) -> Tensor:
        """(rows * columns,) int64 entry of each node."""
        return (self.first + self.index).remainder(len(self.table))

    def forward(self, table: Tensor, nodes: Tensor, weights: Tensor) -> Tensor:
        """Weighted sums of nodes' features, as `HashLevel.forward`."""
        grid: Tensor = self.nodes
        if self.stage != "dense":
            grid = table[self.entries]
            if self.stage == "choosing":
                grid = grid + (self.nodes - self.nodes.detach())
        return functional.embedding_bag(nodes, grid, per_sample_weights=weights, mode="sum")

    @torch.no_grad()
    def weigh(self, columns: Tensor) -> None:
        """Measure distances by what a layer makes of them: columns (hidden, C) of its weights."""
        values, vectors = torch.linalg.eigh(columns.T @ columns)
        self._metric = vectors * values.clamp(min=0.0).sqrt()

    @torch.no_grad()
    def choose(self) -> None:
        """Set the indices to the candidates nearest to the nodes."""
        probes = torch.arange(self.probes, device=self.table.device)
        table = self.table @ self._metric
        n_entries, lengths = len(table), table.square().sum(dim=1)
        for start in range(0, len(self.nodes), CHUNK_NODES):
            part = slice(start, start + CHUNK_NODES)
            nodes = self.nodes[part] @ self._metric
            if self.probes == n_entries:
                distances = torch.addmm(lengths[None], nodes, table.T, alpha=-2.0)
            else:
                candidates = (self.first[part, None] + probes).remainder(n_entries)
                distances = (nodes[:, None] - table[candidates]).square().sum(dim=2)
            self.index[part] = distances.argmin(dim=1)

    @torch.no_grad()
    def fit(self) -> None:
        """Set table and indices to what gives the nodes best, by Lloyd's algorithm from some of the nodes."""
        generator = torch.Generator().manual_seed(len(self.table))
        drawn = torch.randperm(len(self.nodes), generator=generator)
        start = drawn[torch.arange(len(self.table)) % len(drawn)].to(self.nodes.device)
        self.table.copy_(self.nodes[start])
        for _ in range(N_ROUNDS):
            self.choose()
            total, count = torch.zeros_like(self.table), torch.zeros_like(self.table[:, :1])
            total.index_add_(0, self.entries, self.nodes)
            count.index_add_(0, self.entries, torch.ones_like(self.nodes[:, :1]))
            self.table.copy_(torch.where(count > 0, total / count.clamp(min=1.0), self.table))
        self.choose()

    @torch.no_grad()
    def start_from(self, grid: Tensor) -> None:
        """Begin from a dense level (rows * columns, C); `fit` makes the table of it."""
        self.nodes.copy_(grid)
