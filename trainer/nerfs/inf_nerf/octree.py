"""The octree: which cubes of the scene have a field, and which of them takes a sample.

Node 0 is the root. Children come after their parents, a depth at a time, in Morton order, so that a node's number says
nothing but its place in the arrays. The field with number `n_nodes` is the root's second one, for the background.

Source: "InfNeRF: Towards Infinite Scale NeRF Rendering with O(log n) Space Complexity", SIGGRAPH Asia 2024.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from todpack.packer.errors import ConfigError

from ..config import InfNeRFConfig

MAX_NODES = 1 << 22
OCTANTS = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=np.int64)
MARGIN_CELLS = 1.0  # a point asks for the nodes within so many cells of it, too


def matching_level(config: InfNeRFConfig, radius: Tensor) -> Tensor:
    """Depth whose ground sampling distance is nearest to a radius, in octaves.

    Args:
        config: Says the root's GSD.
        radius: Radii of samples, world units, any shape.

    Returns:
        int64, same shape, in 0..max_depth.
    """
    octaves = torch.log2(config.gsd(0) / radius.clamp(min=1e-30))
    return octaves.round().clamp(0, config.max_depth).to(torch.int64)


@dataclass(frozen=True)
class OctreeTensors:
    """An octree's arrays on a device; the last row of the first three is the background's, which is like the root.

    Attributes:
        depth: (n + 1,) int64.
        cell: (n + 1, 3) int64.
        parent: (n + 1,) int64.
        children: (8 n,) int64.
    """

    depth: Tensor
    cell: Tensor
    parent: Tensor
    children: Tensor


class Octree:
    """Cubes by depth and integer coordinates.

    Attributes:
        depth: (n,) int64, 0 for the root.
        cell: (n, 3) int64 coordinates among the 2^depth cells along each axis.
        parent: (n,) int64, -1 for the root.
        children: (n, 8) int64, -1 where pruned; octant = 4 i + 2 j + k of the lowest bits.
    """

    def __init__(self, depth: np.ndarray, cell: np.ndarray) -> None:
        n, deepest = len(depth), int(depth.max(initial=0))
        if n > MAX_NODES or (depth == 0).sum() != 1:
            raise ConfigError(f"octree: expected one root and at most {MAX_NODES} nodes, found {n} nodes")
        if ((cell < 0) | (cell >= 1 << depth[:, None])).any():
            raise ConfigError("octree: expected cells inside of the root, found one outside")
        code = _morton(cell, deepest)
        order = np.lexsort((code, depth))
        self.depth, self.cell, code = depth[order].astype(np.int64), cell[order].astype(np.int64), code[order]
        self._tensors: dict[torch.device, OctreeTensors] = {}
        self.parent = np.full(n, -1, np.int64)
        self.children = np.full((n, 8), -1, np.int64)
        starts = np.searchsorted(self.depth, np.arange(deepest + 2))
        for d in range(1, deepest + 1):
            above, here = slice(starts[d - 1], starts[d]), slice(starts[d], starts[d + 1])
            if (np.diff(code[here]) == 0).any():
                raise ConfigError("octree: expected each node once, found one twice")
            found = np.searchsorted(code[above], code[here] >> 3)
            there = found < starts[d] - starts[d - 1]
            there[there] = code[above][found[there]] == code[here][there] >> 3
            if not there.all():
                raise ConfigError(f"octree: node {self.cell[here][~there][0].tolist()} of depth {d} has no parent")
            self.parent[here] = starts[d - 1] + found
            self.children[self.parent[here], code[here] & 7] = np.arange(n)[here]

    def __len__(self) -> int:
        return len(self.depth)

    @staticmethod
    def root_only() -> Octree:
        """One node."""
        return Octree(np.zeros(1, np.int64), np.zeros((1, 3), np.int64))

    @staticmethod
    def full(max_depth: int) -> Octree:
        """All nodes down to a depth.

        Raises:
            ConfigError: they would be too many.
        """
        if (8 ** (max_depth + 1) - 1) // 7 > MAX_NODES:
            raise ConfigError(
                f"max_depth: expected at most 6 for an octree of all nodes, found {max_depth}; give sparse points"
            )
        depths, cells = [], []
        for depth in range(max_depth + 1):
            axis = np.arange(1 << depth)
            cells.append(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3))
            depths.append(np.full(len(cells[-1]), depth))
        return Octree(np.concatenate(depths), np.concatenate(cells))

    @staticmethod
    def from_points(config: InfNeRFConfig, points: np.ndarray, scales: np.ndarray) -> Octree:
        """Prune before training: the nodes that some point needs.

        Args:
            config: Cube, grid resolution, greatest depth.
            points: (P, 3) world coordinates on the surfaces; those outside of the cube do not count.
            scales: (P,) radius of the finest sample that sees each point, world units.

        Returns:
            A node of depth d is there if a point within a cell of it has a scale that matches d or deeper.
        """
        unit = (points - np.asarray(config.scene_center)) / config.root_edge + 0.5
        inside = ((unit >= 0) & (unit < 1)).all(axis=1)
        unit, level = unit[inside], np.rint(np.log2(config.gsd(0) / scales[inside]))
        depths, cells = [np.zeros(1, np.int64)], [np.zeros((1, 3), np.int64)]
        parents = np.zeros(1, np.int64)
        for depth in range(1, config.max_depth + 1):
            chosen = unit[level >= depth]
            margin = MARGIN_CELLS / (config.grid_resolution << depth)
            corners = (chosen[:, None] + margin * (2 * OCTANTS - 1)).reshape(-1, 3)
            cell = (np.clip(corners, 0.0, 1.0 - 1e-9) * (1 << depth)).astype(np.int64)
            codes, first = np.unique(_morton(cell, depth), return_index=True)
            known = np.isin(codes >> 3, parents)
            if not known.any():
                break
            parents = codes[known]
            depths.append(np.full(len(parents), depth))
            cells.append(cell[first[known]])
        return Octree(np.concatenate(depths), np.concatenate(cells))

    def keep(self, kept: np.ndarray) -> tuple[Octree, np.ndarray]:
        """The octree without some nodes.

        Args:
            kept: (n,) bool; the root stays, and so do the ancestors of what stays.

        Returns:
            The smaller octree, and for each of its nodes the number it had here.
        """
        wanted = kept.copy()
        wanted[0] = True
        for index in range(len(self) - 1, 0, -1):
            if wanted[index]:
                wanted[self.parent[index]] = True
        old = np.flatnonzero(wanted)
        return Octree(self.depth[old], self.cell[old]), old

    def leaves(self) -> np.ndarray:
        """(n,) bool: nodes without children."""
        return np.asarray((self.children < 0).all(axis=1))

    def subtree_roots(self, depth: int) -> np.ndarray:
        """(n,) for each node of `depth` and deeper its ancestor of that depth, -1 for those above."""
        root = np.full(len(self), -1, np.int64)
        for index in range(len(self)):
            if self.depth[index] == depth:
                root[index] = index
            elif self.depth[index] > depth:
                root[index] = root[self.parent[index]]
        return root

    def find(self, unit: Tensor, level: Tensor) -> Tensor:
        """The node that takes each sample: the deepest existing one of its level or above.

        Args:
            unit: (N, 3) coordinates in the root's cube, 0..1; what lies outside goes to the nearest cell.
            level: (N,) int64, the depth that matches the sample's radius.

        Returns:
            (N,) int64 node numbers.
        """
        node = torch.zeros(len(unit), dtype=torch.int64, device=unit.device)
        deepest = int(self.depth[-1])
        cells = (unit.clamp(0.0, 1.0) * (1 << deepest)).to(torch.int64).clamp(max=(1 << deepest) - 1)
        children = self.on(unit.device).children
        descends = torch.ones_like(node, dtype=torch.bool)
        for depth in range(1, deepest + 1):
            bits = (cells >> (deepest - depth)) & 1
            child = children[8 * node + 4 * bits[:, 0] + 2 * bits[:, 1] + bits[:, 2]]
            descends = descends & (level >= depth) & (child >= 0)
            node = torch.where(descends, child, node)
        return node

    def depths(self, node: Tensor) -> Tensor:
        """Depth of each node, int64; the background counts as the root."""
        return self.on(node.device).depth[node]

    def on(self, device: torch.device) -> OctreeTensors:
        """The arrays on a device."""
        if device not in self._tensors:
            background = np.zeros((1, 3), np.int64)
            arrays = (
                np.append(self.depth, 0),
                np.concatenate([self.cell, background]),
                np.append(self.parent, -1),
                self.children.reshape(-1),
            )
            self._tensors[device] = OctreeTensors(*(torch.from_numpy(array).to(device) for array in arrays))
        return self._tensors[device]


def _morton(cell: np.ndarray, n_bits: int) -> np.ndarray:
    """(n,) int64 codes of cells: three bits a depth, so a parent's code is the child's without its last three."""
    code = np.zeros(len(cell), np.int64)
    for bit in range(n_bits):
        for axis in range(3):
            code |= ((cell[:, axis].astype(np.int64) >> bit) & 1) << (3 * bit + 2 - axis)
    return code
