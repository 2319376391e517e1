"""Rotate maps and group them, so that those that share a block of texels are rarely busy in the same one.

A block of BC7 holds a few straight lines in the space of its channels. A map that is nearly constant within a block
costs nothing there, and two that are busy in one block cost the smaller of the two variances along their axes.
"""

from __future__ import annotations

from itertools import combinations, product

import numpy as np

from ..daybasis.single_blas import single_blas
from ..daybasis.transform.klt import canonical_signs
from ..daybasis.transform.rotation import sparse_rotation
from .mips import Level

SIDE = 4
STEP = 10.0
"""Deviations within a block of about so many codes begin to cost; 4 to 20 are alike, within 0.1 dB."""


def leading_basis(days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions of days (N, 3T) of mean 0: (3T, 3T) float64 orthonormal columns, and their variances, falling."""
    covariance = (days.T @ days).astype(np.float64) / len(days)
    variances, vectors = np.linalg.eigh(covariance)
    return canonical_signs(vectors[:, ::-1]), np.maximum(variances[::-1], 0.0)


def block_deviations(maps: np.ndarray, level: Level) -> np.ndarray:
    """(16, M, K) float32: maps (N, K) minus their means, in each block that has a valid texel."""
    image = level.fill(maps, 0.0)
    height, width = level.valid.shape
    image = np.pad(image, ((0, -height % SIDE), (0, -width % SIDE), (0, 0)), mode="edge")
    busy = np.pad(level.valid, ((0, -height % SIDE), (0, -width % SIDE)))
    rows, columns = image.shape[0] // SIDE, image.shape[1] // SIDE
    blocks = image.reshape(rows, SIDE, columns, SIDE, -1).transpose(1, 3, 0, 2, 4).reshape(SIDE**2, rows * columns, -1)
    used = busy.reshape(rows, SIDE, columns, SIDE).any((1, 3)).ravel()
    blocks = blocks[:, used]
    return np.ascontiguousarray(blocks - blocks.mean(0), np.float32)


@single_blas
def sparse_basis(days: np.ndarray, level: Level, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A basis, rotated so that few of its maps are busy in each block.

    Args:
        days: (N, 3T) float32 of mean 0, in codes.
        level: Level 0.
        basis: (3T, K) float64 orthonormal columns.

    Returns:
        (3T, K) float64 orthonormal columns, and (M, K, K) float32 covariances of the maps within blocks.
    """
    deviations = block_deviations(days @ basis.astype(np.float32), level)
    rotation = sparse_rotation((deviations / STEP).astype(np.float32))
    deviations = deviations @ rotation.astype(np.float32)
    return basis @ rotation, np.einsum("gmk,gml->mkl", deviations, deviations, optimize=True) / SIDE**2


def pair_costs(covariances: np.ndarray) -> np.ndarray:
    """(K, K): what two maps lose when they share blocks, the smaller eigenvalues summed over the blocks."""
    variances = np.einsum("mkk->mk", covariances).astype(np.float64)
    n_maps = variances.shape[1]
    costs = np.zeros((n_maps, n_maps))
    for k in range(n_maps):
        own, other = variances[:, [k]], variances
        costs[k] = ((own + other) / 2 - np.hypot((own - other) / 2, covariances[:, k])).sum(0)
    np.fill_diagonal(costs, 0.0)
    return costs


def group_maps(covariances: np.ndarray, n_groups: int) -> list[list[int]]:
    """Put maps into groups of equal size that lose least: maps change places as long as that helps.

    Args:
        covariances: (M, K, K) of the maps within blocks; K a multiple of n_groups.

    Returns:
        Numbers of the maps of each group, the busiest group first.
    """
    costs, energies = pair_costs(covariances), np.einsum("mkk->k", covariances)
    order = np.argsort(-energies, kind="stable")
    groups = [[int(k) for k in order[first::n_groups]] for first in range(n_groups)]

    def cost(group: list[int]) -> float:
        return float(costs[np.ix_(group, group)].sum())

    improved = True
    while improved:
        improved = False
        for a, b in combinations(range(n_groups), 2):
            for i, j in product(range(len(groups[a])), range(len(groups[b]))):
                one, other = groups[a].copy(), groups[b].copy()
                one[i], other[j] = other[j], one[i]
                if cost(one) + cost(other) < (cost(groups[a]) + cost(groups[b])) * (1 - 1e-9) - 1e-12:
                    groups[a], groups[b], improved = one, other, True
    return sorted(groups, key=lambda group: -float(energies[group].sum()))
