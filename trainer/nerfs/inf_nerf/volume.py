"""Volume rendering along rays, and the losses of its results."""

from __future__ import annotations

import torch
from torch import Tensor

from ..config import VolumeRendererConfig

LAST_INTERVAL = 1e10


class VolumeRenderer:
    """Colors of rays from colors and densities of samples, and the weighted sum of losses."""

    def __init__(self, config: VolumeRendererConfig | None = None) -> None:
        self.config = config or VolumeRendererConfig()

    def volume_render(self, colors: Tensor, densities: Tensor, z_vals: Tensor, rays_d: Tensor) -> dict[str, Tensor]:
        """Emission and absorption: w_i = T_i (1 - exp(-sigma_i delta_i)), T_i the light that reaches sample i.

        Args:
            colors: (N, S, 3).
            densities: (N, S), per world unit, >= 0.
            z_vals: (N, S + 1) edges of the samples' intervals, in units of rays_d's length; or (N, S) samples, each
                with the interval to the next, and the last with one that has no end.
            rays_d: (N, 3), any length.

        Returns:
            rgb (N, 3), depth (N,) (mean z of the light that is stopped), alpha (N,), weights (N, S), transparency
            (N, S) of each interval, z_mid (N, S).

        Source: Max, "Optical models for direct volume rendering", 1995; NeRF, ECCV 2020, equation 3.
        """
        length = rays_d.norm(dim=1, keepdim=True)
        if z_vals.shape[1] == densities.shape[1]:
            z_mid = z_vals
            last = torch.full_like(z_vals[:, :1], LAST_INTERVAL)
            deltas = torch.cat([z_vals[:, 1:] - z_vals[:, :-1], last], dim=1)
        else:
            z_mid = 0.5 * (z_vals[:, 1:] + z_vals[:, :-1])
            deltas = z_vals[:, 1:] - z_vals[:, :-1]
        optical = densities * deltas * length
        reaching = torch.exp(-torch.cat([torch.zeros_like(optical[:, :1]), optical[:, :-1]], dim=1).cumsum(dim=1))
        transparency = torch.exp(-optical)
        weights = reaching * (1.0 - transparency)
        alpha = weights.sum(dim=1)
        return {
            "rgb": (weights[..., None] * colors).sum(dim=1),
            "depth": (weights * z_mid).sum(dim=1) / alpha.clamp(min=1e-8),
            "alpha": alpha,
            "weights": weights,
            "transparency": transparency,
            "z_mid": z_mid,
        }

    def compute_losses(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> dict[str, Tensor]:
        """Every loss whose inputs are there, unweighted, and `total`, their weighted sum.

        Args:
            outputs: Of InfNeRF.forward: rgb; for the distortion `distortion_edges` (N, S + 1), 0..1, and `weights`
                (N, S' >= S, the first S count); for the transparency `transparency` (N, S); for the levels
                `level_parent` and `level_child` (M,).
            targets: rgb (N, 3); depth (N,) where it is known, NaN where not.

        Returns:
            Scalars: rgb, depth, distortion, level, transparency (those that apply) and total.
        """
        config = self.config
        losses = {"rgb": (outputs["rgb"] - targets["rgb"]).square().mean()}
        weights = {"rgb": config.lambda_rgb}
        if "depth" in targets:
            known = targets["depth"].isfinite()
            difference = (outputs["depth"] - targets["depth"].nan_to_num()).abs() / targets["depth"].nan_to_num(
                1.0
            ).clamp(min=1e-6)
            losses["depth"] = (difference * known).sum() / known.sum().clamp(min=1)
            weights["depth"] = config.lambda_depth
        if "distortion_edges" in outputs:
            edges = outputs["distortion_edges"]
            losses["distortion"] = distortion(edges, outputs["weights"][:, : edges.shape[1] - 1]).mean()
            weights["distortion"] = config.lambda_distortion
        if "level_parent" in outputs:
            pairs = outputs["level_parent"] - outputs["level_child"]
            losses["level"] = pairs.abs().sum() / max(1, len(pairs))
            weights["level"] = config.lambda_level
        if "transparency" in outputs:
            losses["transparency"] = (1.0 - outputs["transparency"]).abs().mean()
            weights["transparency"] = config.lambda_transparency
        losses["total"] = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
        return losses


def distortion(edges: Tensor, weights: Tensor) -> Tensor:
    """How far the weights of a ray are spread: the mean distance of two points of it, both drawn by weight.

    sum_ij w_i w_j |m_i - m_j| + 1/3 sum_i w_i^2 d_i, with middles m and widths d, in O(S) by running sums.

    Args:
        edges: (N, S + 1) ascending, 0..1 along the ray.
        weights: (N, S).

    Returns:
        (N,).

    Source: Barron et al., "Mip-NeRF 360", CVPR 2022, equation 15.
    """
    middles, widths = 0.5 * (edges[:, 1:] + edges[:, :-1]), edges[:, 1:] - edges[:, :-1]
    before = weights.cumsum(dim=1) - weights
    moment_before = (weights * middles).cumsum(dim=1) - weights * middles
    between = 2.0 * (weights * (middles * before - moment_before)).sum(dim=1)
    return between + (weights.square() * widths).sum(dim=1) / 3.0
