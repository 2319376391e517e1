"""The small fields of the nodes: hash grids and an MLP each, of one shape, evaluated many nodes at a time.

Parameters have the node as their first axis. Samples are sorted into blocks of one node each, so that every layer is
one batched matrix product, however the samples are spread over the nodes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..config import InfNeRFConfig
from .encoding import N_HARMONICS, GridLayout, grid_features, harmonics

BLOCK = 32
MAX_LOG_DENSITY = 15.0
FIRST_DENSITY = 0.5  # times 1 / the node's edge: a ray through a fresh node keeps 60 % of its light

Parameters = Mapping[str, Tensor]


class FieldLayout:
    """Shapes of one node's parameters, in the order in which they are stored.

    Attributes:
        grids: Sizes of the hash grids.
        shapes: By name, without the node's axis.
    """

    def __init__(self, config: InfNeRFConfig) -> None:
        self.grids = GridLayout.of(config.resolutions(), config.table_size)
        hidden, geo = config.hidden_dim, config.geo_features
        n_features = config.features_per_level * config.encoding_levels
        self.shapes: dict[str, tuple[int, ...]] = {
            "table": (self.grids.n_entries, config.features_per_level),
            "density_in": (n_features, hidden),
            "density_in_bias": (1, hidden),
            "density_out": (hidden, 1 + geo),
            "density_out_bias": (1, 1 + geo),
            "color_in": (geo + N_HARMONICS, hidden),
            "color_in_bias": (1, hidden),
            "color_out": (hidden, 3),
            "color_out_bias": (1, 3),
        }

    @property
    def n_parameters(self) -> int:
        """Numbers per node."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def split(self, records: Tensor) -> dict[str, Tensor]:
        """(n, n_parameters) -> parameters by name, (n, ...)."""
        parts = records.split([math.prod(shape) for shape in self.shapes.values()], dim=1)
        return {name: part.reshape(-1, *shape) for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)}


def first_parameters(layout: FieldLayout, node: int, seed: int) -> Tensor:
    """(n_parameters,) of a fresh node; they depend on the seed and the node's number alone, not on who owns it."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + node)
    parts = []
    for name, shape in layout.shapes.items():
        if name == "table":
            parts.append((2.0 * torch.rand(shape, generator=generator) - 1.0) * 1e-2)
        elif name.endswith("bias"):
            parts.append(torch.zeros(shape))
        else:
            bound = math.sqrt(6.0 / shape[0])
            parts.append((2.0 * torch.rand(shape, generator=generator) - 1.0) * bound)
    return torch.cat([part.reshape(-1) for part in parts])


def evaluate(
    layout: FieldLayout, parameters: Parameters, slot: Tensor, place: Tensor, direction: Tensor | None
) -> Tensor:
    """Density and color of samples.

    Args:
        layout: Where a node's parameters lie.
        parameters: By name, (n, ...).
        slot: (N,) int64, the node among the n.
        place: (N, 3) in that node's cube, 0..1.
        direction: (N, 3), any length; None leaves the color out.

    Returns:
        (N, 4): density times the node's edge, then RGB, 0..1; (N, 1) without a direction.
    """
    blocks, where = _blocks(slot, len(parameters["table"]))
    features = grid_features(layout.grids, parameters["table"], slot, place)
    hidden = _linear(_to_blocks(features, where, blocks), parameters, "density_in", blocks).relu()
    out = _linear(hidden, parameters, "density_out", blocks)
    log_density = out[..., :1].reshape(-1, 1)[where].float()
    density = FIRST_DENSITY * torch.exp(log_density.clamp(max=MAX_LOG_DENSITY))
    if direction is None:
        return density
    seen = torch.cat([out[..., 1:], _to_blocks(harmonics(direction).to(out.dtype), where, blocks)], dim=-1)
    hidden = _linear(seen, parameters, "color_in", blocks).relu()
    color = _linear(hidden, parameters, "color_out", blocks).reshape(-1, 3)[where].float()
    return torch.cat([density, torch.sigmoid(color)], dim=1)


def _blocks(slot: Tensor, n_slots: int) -> tuple[Tensor, Tensor]:
    """Slots of the blocks, (B,), and the place of each sample among the B x BLOCK rows, (N,)."""
    counts = torch.bincount(slot, minlength=n_slots)
    n_blocks = (counts + BLOCK - 1) // BLOCK
    first_row = (n_blocks.cumsum(0) - n_blocks) * BLOCK
    first_sample = counts.cumsum(0) - counts
    order = torch.argsort(slot)
    rank = torch.arange(len(slot), device=slot.device) - first_sample[slot[order]]
    where = torch.empty_like(slot)
    where[order] = first_row[slot[order]] + rank
    return torch.repeat_interleave(n_blocks), where


def _to_blocks(rows: Tensor, where: Tensor, blocks: Tensor) -> Tensor:
    padded = rows.new_zeros((len(blocks) * BLOCK, rows.shape[1])).index_copy(0, where, rows)
    return padded.reshape(len(blocks), BLOCK, rows.shape[1])


def _linear(rows: Tensor, parameters: Parameters, name: str, blocks: Tensor) -> Tensor:
    return torch.baddbmm(parameters[f"{name}_bias"][blocks], rows, parameters[name][blocks])


class NodeFields(nn.Module):
    """The fields of some nodes, trainable.

    Attributes:
        layout: Where a node's parameters lie.
        nodes: (n,) int64, their numbers in the octree, ascending.
    """

    nodes: Tensor

    def __init__(self, config: InfNeRFConfig, nodes: Tensor, records: Tensor | None = None) -> None:
        super().__init__()
        self.layout = FieldLayout(config)
        self.register_buffer("nodes", nodes, persistent=False)
        if records is None:
            fresh = [first_parameters(self.layout, node, config.seed) for node in nodes.tolist()]
            records = torch.stack(fresh) if fresh else torch.zeros((0, self.layout.n_parameters))
        for name, value in self.layout.split(records).items():
            self.register_parameter(name, nn.Parameter(value.clone()))

    def values(self) -> dict[str, Tensor]:
        """Parameters by name, (n, ...)."""
        return {name: getattr(self, name) for name in self.layout.shapes}

    def records(self) -> Tensor:
        """(n, n_parameters), as they are stored."""
        return torch.cat([value.detach().reshape(len(self.nodes), -1) for value in self.values().values()], dim=1)

    def forward(self, node: Tensor, place: Tensor, direction: Tensor | None) -> Tensor:
        """`evaluate` for samples of nodes that are all here, by their numbers in the octree."""
        return evaluate(self.layout, self.values(), torch.searchsorted(self.nodes, node), place, direction)
