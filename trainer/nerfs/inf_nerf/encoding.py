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
    entries, weights, offset = [], [], 0
    for resolution, size in zip(layout.resolutions, layout.sizes, strict=True):
        scaled = place.clamp(0.0, 1.0) * resolution
        low = scaled.to(torch.int64).clamp(max=resolution - 1)
        far = scaled - low
        wx, wy, wz = torch.stack([1.0 - far, far], dim=-1).unbind(1)
        weights.append((wx[:, :, None] * wy[:, None])[..., None] * wz[:, None, None])
        is_dense = (resolution + 1) ** 3 <= size
        factors = ((resolution + 1) ** 2, resolution + 1, 1) if is_dense else PRIMES
        x, y, z = (torch.stack([low[:, i] * f, (low[:, i] + 1) * f], dim=1) for i, f in enumerate(factors))
        if is_dense:
            entry = (x[:, :, None] + y[:, None])[..., None] + z[:, None, None]
        else:
            entry = ((x[:, :, None] ^ y[:, None])[..., None] ^ z[:, None, None]).remainder_(size)
        entries.append(entry + offset)
        offset += size
    shape = (len(place), len(layout.sizes), 8)
    return torch.stack(entries, dim=1).reshape(shape), torch.stack(weights, dim=1).reshape(shape)


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
    rows, flat = tables.reshape(-1, tables.shape[-1]), weights.reshape(-1, 8).to(tables.dtype)
    features = functional.embedding_bag(entries.reshape(-1, 8), rows, per_sample_weights=flat, mode="sum")
    return features.reshape(len(place), len(layout.sizes) * tables.shape[-1])


def harmonics(direction: Tensor) -> Tensor:
    """Real spherical harmonics to degree 2, without their constants.

    Args:
        direction: (N, 3) of any length but 0.

    Returns:
        (N, 9).
    """
    x, y, z = functional.normalize(direction, dim=1).unbind(1)
    return torch.stack([torch.ones_like(x), x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], dim=1)
