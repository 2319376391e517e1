"""Where along a ray samples lie: in the root's cube, near the surface, and beyond."""

from __future__ import annotations

import torch
from torch import Tensor


def box_interval(rays_o: Tensor, rays_d: Tensor, center: Tensor, bound: float) -> tuple[Tensor, Tensor]:
    """Where rays enter and leave a cube.

    Args:
        rays_o: (N, 3) origins.
        rays_d: (N, 3) directions, any length; z_vals are in units of it.
        center: (3,) of the cube.
        bound: Half its edge.

    Returns:
        (N,) first and last z, both >= 0; last <= first for a ray that misses it.
    """
    safe = torch.where(rays_d.abs() < 1e-12, torch.full_like(rays_d, 1e-12), rays_d)
    a, b = (center - bound - rays_o) / safe, (center + bound - rays_o) / safe
    first, last = torch.minimum(a, b).amax(dim=1), torch.maximum(a, b).amin(dim=1)
    return first.clamp(min=0.0), last.clamp(min=0.0)


def stratified(n_rays: int, n: int, jitter: bool, device: torch.device) -> Tensor:
    """(n_rays, n + 1) ascending edges from 0 to 1; with jitter, inner edges move by at most half a step."""
    edges = torch.linspace(0.0, 1.0, n + 1, device=device).expand(n_rays, n + 1)
    if not jitter:
        return edges
    moved = edges.clone()
    moved[:, 1:-1] += (torch.rand((n_rays, n - 1), device=device) - 0.5) / n
    return moved


def resample(edges: Tensor, weights: Tensor, n: int, jitter: bool) -> Tensor:
    """Edges of n intervals of equal share of a histogram (inverse transform sampling).

    Each weight is first replaced by the greatest among it and its neighbors, and a little is added, as in mip-NeRF.

    Args:
        edges: (N, P + 1), ascending.
        weights: (N, P), >= 0.
        n: How many intervals.
        jitter: Move all shares of a ray by one random part of a step.

    Returns:
        (N, n + 1), ascending, within the first and last edge.
    """
    padded = torch.nn.functional.pad(weights[:, None], (1, 1), mode="replicate")
    widened = torch.nn.functional.max_pool1d(padded, 3, stride=1)[:, 0] + 0.01 * weights.sum(1, keepdim=True) / n + 1e-5
    share = torch.cumsum(widened / widened.sum(dim=1, keepdim=True), dim=1)
    share = torch.cat([torch.zeros_like(share[:, :1]), share[:, :-1], torch.ones_like(share[:, :1])], dim=1)
    wanted = torch.linspace(0.0, 1.0, n + 1, device=edges.device).expand(len(edges), n + 1)
    if jitter:
        moved = wanted + (torch.rand((len(edges), 1), device=edges.device) - 0.5) / n
        wanted = torch.cat([wanted[:, :1], moved[:, 1:-1], wanted[:, -1:]], dim=1)
    upper = torch.searchsorted(share.contiguous(), wanted.contiguous(), right=True).clamp(1, share.shape[1] - 1)
    low, high = share.gather(1, upper - 1), share.gather(1, upper)
    start, end = edges.gather(1, upper - 1), edges.gather(1, upper)
    part = ((wanted - low) / (high - low).clamp(min=1e-9)).clamp(0.0, 1.0)
    return start + part * (end - start)


def contract(unit: Tensor) -> Tensor:
    """Fold all of space into a cube: mip-NeRF 360's contraction in the maximum norm.

    Args:
        unit: (N, 3) coordinates in the root's cube, 0..1 inside of it, any outside.

    Returns:
        (N, 3) in 0..1; the root's cube takes 0.25..0.75, infinity is on the faces.
    """
    centered = 2.0 * unit - 1.0
    norm = centered.abs().amax(dim=1, keepdim=True).clamp(min=1e-12)
    folded = torch.where(norm <= 1.0, centered, (2.0 - 1.0 / norm) * centered / norm)
    return folded / 4.0 + 0.5


def background_depths(start: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Intervals from the end of the root's cube to infinity, equal in disparity.

    Args:
        start: (N,) z > 0 where they begin.
        n: How many.

    Returns:
        (N, n) middles (in disparity) and (N, n + 1) edges, the last of them 1e10 times the first.
    """
    steps = torch.arange(n, device=start.device, dtype=start.dtype)
    middles = start[:, None] * n / (n - steps - 0.5)
    edges = start[:, None] * n / (n - steps)
    return middles, torch.cat([edges, 1e10 * start[:, None]], dim=1)
