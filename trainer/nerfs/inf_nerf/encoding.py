"""What a node's MLP sees: multi-resolution hash features of a place, spherical harmonics of a direction.

Source: Mueller et al., "Instant neural graphics primitives", SIGGRAPH 2022, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

PRIMES = (1, 2_654_435_761, 805_459_861)
N_HARMONICS = 9


@dataclass(frozen=True)
class GridLayout:
    """Where the grids of a node lie among its entries.

    Attributes:
        resolutions: Cells along the edge, grid by grid.
        sizes: Entries, grid by grid: (r + 1)^3, or the table's size where that is less, and the grid hashes.
    """

    resolutions: tuple[int, ...]
    sizes: tuple[int, ...]

    @staticmethod
    def of(resolutions: list[int], table_size: int) -> GridLayout:
        """The layout of grids whose tables have at most `table_size` entries."""
        return GridLayout(tuple(resolutions), tuple(min((r + 1) ** 3, table_size) for r in resolutions))

    @property
    def n_entries(self) -> int:
        """Entries of a node, all grids together."""
        return sum(self.sizes)


def corner_entries(layout: GridLayout, place: Tensor) -> tuple[Tensor, Tensor]:
    """Entries of the 8 corners around each place in each grid, and their trilinear weights.

    Args:
        layout: L grids.
        place: (N, 3) in a node's cube, 0..1.

    Returns:
        (N, L, 8) int64 entries within the node; (N, L, 8) weights, which sum to 1 over the corners.
    """
    device = place.device
    resolution = torch.tensor(layout.resolutions, device=device)
    scaled = place[:, None].clamp(0.0, 1.0) * resolution[:, None].to(place.dtype)
    low = torch.minimum(scaled.to(torch.int64), resolution[:, None] - 1)
    fraction = scaled - low
    dense = torch.tensor([(r + 1) ** 3 <= size for r, size in zip(layout.resolutions, layout.sizes, strict=True)])
    strides = torch.ones((len(layout.sizes), 3), dtype=torch.int64)
    for level, r in enumerate(layout.resolutions):
        strides[level] = torch.tensor(((r + 1) ** 2, r + 1, 1) if dense[level] else PRIMES)
    strides, dense = strides.to(device), dense.to(device)
    sizes = torch.tensor(layout.sizes, device=device)
    offsets = sizes.cumsum(0) - sizes
    terms = torch.stack([low, low + 1], dim=-1) * strides[:, :, None]  # (N, L, 3, 2)
    x, y, z = terms[:, :, 0, :, None, None], terms[:, :, 1, None, :, None], terms[:, :, 2, None, None, :]
    shape = (*place.shape[:1], len(layout.sizes), 8)
    entries = (x + y + z).reshape(shape)
    if not bool(dense.all()):
        hashed = (x ^ y ^ z).reshape(shape) % sizes[:, None]
        entries = torch.where(dense[:, None], entries, hashed)
    sides = torch.stack([1.0 - fraction, fraction], dim=-1)
    weights = sides[:, :, 0, :, None, None] * sides[:, :, 1, None, :, None] * sides[:, :, 2, None, None, :]
    return entries + offsets[:, None], weights.reshape(shape)


def grid_features(layout: GridLayout, tables: Tensor, slot: Tensor, place: Tensor) -> Tensor:
    """Features of places, each from the grids of one node.

    Args:
        layout: L grids.
        tables: (n, E, F), the entries of n nodes.
        slot: (N,) int64, whose entries.
        place: (N, 3) in that node's cube, 0..1.

    Returns:
        (N, L F).
    """
    entries, weights = corner_entries(layout, place)
    entries = entries + (slot * layout.n_entries)[:, None, None]
    features = functional.embedding_bag(
        entries.reshape(-1, 8), tables.reshape(-1, tables.shape[-1]), per_sample_weights=weights.reshape(-1, 8).to(tables.dtype),
        mode="sum",
    )  # fmt: skip
    return features.reshape(len(place), -1)


def harmonics(direction: Tensor) -> Tensor:
    """Real spherical harmonics to degree 2, without their constants.

    Args:
        direction: (N, 3) of any length but 0.

    Returns:
        (N, 9).
    """
    x, y, z = functional.normalize(direction, dim=1).unbind(1)
    return torch.stack([torch.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], dim=1)
