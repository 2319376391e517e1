"""The code of least cost for each coefficient."""

from __future__ import annotations

import torch

from .costs import LAST

Tensor = torch.Tensor


def choose(wanted: Tensor, curvature: Tensor, costs: Tensor, slopes: Tensor, centroids: tuple[float, float]) -> Tensor:
    """Codes (N,) of least curvature * error ** 2 + cost + slope * magnitude among 0 and the integers around `wanted`.

    Args:
        wanted: (N,) real values in steps.
        curvature: (N,) weight of the squared error.
        costs: (N, LAST + 1) of the magnitudes, in squared steps.
        slopes: (N,) cost of a unit of magnitude for others, in squared steps.
        centroids: Excess of the reconstruction points of magnitude 1, and of larger ones.
    """
    magnitudes = wanted.abs()
    best, best_cost = torch.zeros_like(wanted), curvature * magnitudes**2 + costs[:, 0]
    lower = magnitudes.floor()
    for candidate in (lower, lower + 1):
        excess = torch.where(candidate > 1, centroids[1], centroids[0])
        rate = costs.gather(1, candidate.clamp(max=LAST).long()[:, None])[:, 0] + slopes * candidate
        cost = curvature * (magnitudes - candidate - excess) ** 2 + rate
        better = (cost < best_cost) & (candidate > 0)
        best, best_cost = torch.where(better, candidate, best), torch.where(better, cost, best_cost)
    return best * wanted.sign()
