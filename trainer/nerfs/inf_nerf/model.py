"""InfNeRF: an octree of small radiance fields, of which each sample asks the one that has its size."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..config import InfNeRFConfig
from .node_fields import NodeFields
from .octree import Octree, matching_level
from .sampling import background_depths, box_interval, contract, resample, stratified
from .volume import VolumeRenderer

LEVEL_SAMPLES = 8


class Fields(Protocol):
    """Whatever evaluates nodes: parameters in memory, read when asked, or spread over processes."""

    def __call__(self, node: Tensor, place: Tensor, direction: Tensor | None) -> Tensor:
        """(N, 4) density times edge and RGB, or (N, 1) without direction; see `node_fields.evaluate`."""
        ...


class InfNeRF(nn.Module):
    """Renders rays. A fresh model has the root alone; `build` gives it an octree.

    Attributes:
        config: Its configuration.
        octree: Its nodes; the root's second field, for the background, has the number len(octree).
        fields: Their fields.
        level_pairs: Pairs of samples for the level consistency that a forward pass in training draws.
        touched: (n + 1,) bool, set where a field is evaluated; None does not record it.
        samples_at_once: Most samples whose fields are evaluated together, out of training.
    """

    fields: Fields

    def __init__(self, config: InfNeRFConfig, octree: Octree | None = None, fields: Fields | None = None) -> None:
        super().__init__()
        self.config = config
        self.volume = VolumeRenderer()
        self.level_pairs = 0
        self.touched: Tensor | None = None
        self.samples_at_once = 1 << 18
        self.register_buffer("center", torch.tensor(config.scene_center, dtype=torch.float32), persistent=False)
        self.build(octree or Octree.root_only(), fields)

    center: Tensor

    def build(self, octree: Octree, fields: Fields | None = None) -> None:
        """Take an octree, with fresh fields or given ones."""
        self.octree = octree
        self._modules.pop("fields", None)
        if fields is None:
            fields = NodeFields(self.config, torch.arange(len(octree) + 1)).to(self.center.device)
        self.fields = fields

    def forward(
        self,
        rays_o: Tensor,
        rays_d: Tensor,
        near: Tensor | float,
        far: Tensor | float,
        focal_length: Tensor | float,
        pixel_width: Tensor | float,
    ) -> dict[str, Tensor]:
        """Render rays.

        A sample at z is a sphere of radius z * pixel_width / (2 focal_length). In training mode samples are jittered
        and the radius is multiplied by 2^(U - 1/2), U in [0, 1), once per ray.

        Args:
            rays_o: (N, 3) origins, world units.
            rays_d: (N, 3) directions, as long as one unit of depth along the optical axis.
            near: z before which nothing is seen, scalar or (N,).
            far: z after which the inside of the root's cube is not sampled; the background begins there.
            focal_length: Scalar or (N,).
            pixel_width: Width of a pixel, in the unit of focal_length; 2^s times as much for scale 1/2^s.

        Returns:
            Of all samples: rgb (N, 3), weights (N, S + B). Of those inside of the root's cube: depth (N,), alpha (N,),
            transparency (N, S), distortion_edges (N, S + 1), 0..1 from near to far. In training with `level_pairs`:
            level_parent, level_child (M,).
        """
        config, n = self.config, len(rays_o)
        slope = _per_ray(pixel_width, rays_o) / (2.0 * _per_ray(focal_length, rays_o))
        if self.training:
            slope = slope * torch.exp2(torch.rand_like(slope) - 0.5)
        first, last = box_interval(rays_o, rays_d, self.center, config.scene_bound)
        start = torch.maximum(first, _per_ray(near, rays_o)).clamp(min=1e-6 * config.scene_bound)
        end = torch.maximum(torch.minimum(last, _per_ray(far, rays_o)), start)
        hits = end > start
        edges = self._edges(rays_o, rays_d, start, end, hits, slope)
        middles = 0.5 * (edges[:, 1:] + edges[:, :-1])
        unit, direction, level = self._samples(rays_o, rays_d, middles, slope, hits, config.max_depth)
        node = self.octree.find(unit, level)
        values = self._evaluate(node, unit, direction)
        inside = values.new_zeros((n, config.num_samples, 4)).masked_scatter(hits[:, None, None], values)
        with_background = self._append_background(rays_o, rays_d, inside, edges, end, hits)
        rendered = self.volume.volume_render(with_background[0], with_background[1], with_background[2], rays_d)
        weights = rendered["weights"][:, : config.num_samples]
        alpha = weights.sum(dim=1)
        outputs = {
            "rgb": rendered["rgb"],
            "weights": rendered["weights"],
            "depth": (weights * middles).sum(dim=1) / alpha.clamp(min=1e-8),
            "alpha": alpha,
            "transparency": rendered["transparency"][:, : config.num_samples],
            "distortion_edges": (edges - start[:, None]) / (end - start).clamp(min=1e-6)[:, None],
        }
        if self.training and self.level_pairs > 0 and config.max_depth > 0:
            outputs["level_parent"], outputs["level_child"] = self._level_pairs(node, unit)
        return outputs

    def density(self, node: Tensor, unit: Tensor) -> Tensor:
        """Density times the root's edge of places, each by a node of choice.

        Args:
            node: (N,) int64.
            unit: (N, 3) in the root's cube, 0..1.

        Returns:
            (N,).
        """
        return self._evaluate(node, unit, None)[:, 0] * self.config.root_edge

    def _edges(self, rays_o: Tensor, rays_d: Tensor, start: Tensor, end: Tensor, hits: Tensor, slope: Tensor) -> Tensor:
        """(N, S + 1) edges of samples: a first pass over coarse nodes finds where the surface may be."""
        config, n = self.config, len(rays_o)
        span = (end - start)[:, None]
        if config.proposal_samples == 0:
            return start[:, None] + span * stratified(n, config.num_samples, self.training, rays_o.device)
        coarse = start[:, None] + span * stratified(n, config.proposal_samples, self.training, rays_o.device)
        with torch.no_grad():
            middles = 0.5 * (coarse[:, 1:] + coarse[:, :-1])
            unit, _, level = self._samples(rays_o, rays_d, middles, slope, hits, config.proposal_depth)
            density = self._evaluate(self.octree.find(unit, level), unit, None)
            spread = density.new_zeros((n, config.proposal_samples)).masked_scatter(hits[:, None], density)
            colors = density.new_zeros((n, config.proposal_samples, 3))
            weights = self.volume.volume_render(colors, spread, coarse, rays_d)["weights"]
            return resample(coarse, weights, config.num_samples, self.training)

    def _samples(
        self, rays_o: Tensor, rays_d: Tensor, middles: Tensor, slope: Tensor, hits: Tensor, deepest: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Places in the root's cube (M, 3), directions (M, 3), levels (M,) of the samples of the rays that hit it."""
        z = middles[hits]
        points = rays_o[hits][:, None] + z[..., None] * rays_d[hits][:, None]
        directions = rays_d[hits][:, None].expand_as(points)
        level = matching_level(self.config, z * slope[hits][:, None]).clamp(max=deepest)
        return self._unit(points.reshape(-1, 3)), directions.reshape(-1, 3), level.reshape(-1)

    def _unit(self, points: Tensor) -> Tensor:
        return (points - self.center) / self.config.root_edge + 0.5

    def _append_background(
        self, rays_o: Tensor, rays_d: Tensor, inside: Tensor, edges: Tensor, end: Tensor, hits: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Colors, densities and edges with the root's background after the samples of the cube."""
        n_samples = self.config.background_samples
        if n_samples == 0:
            return inside[..., 1:], inside[..., 0], edges
        begin = torch.where(hits, end, end.clamp(min=self.config.scene_bound))
        middles, outer = background_depths(begin, n_samples)
        unit = self._unit((rays_o[:, None] + middles[..., None] * rays_d[:, None]).reshape(-1, 3))
        directions = rays_d[:, None].expand(-1, n_samples, 3).reshape(-1, 3)
        node = torch.full((len(unit),), len(self.octree), dtype=torch.int64, device=unit.device)
        values = self._evaluate(node, contract(unit), directions, local=True).reshape(len(rays_o), n_samples, 4)
        together = torch.cat([inside, values], dim=1)
        return together[..., 1:], together[..., 0], torch.cat([edges, outer[:, 1:]], dim=1)

    def _level_pairs(self, node: Tensor, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Transparency of parents over their GSD, and the mean of their child's samples there (no gradient)."""
        depth = self.octree.depths(node)
        below = torch.nonzero(depth > 0)[:, 0]
        if len(below):
            below = below[torch.randint(len(below), (self.level_pairs,), device=node.device)]
        child, place, depth = node[below], unit[below], depth[below]
        tree = self.octree.on(node.device)
        parent = tree.parent[child]
        gsd = 1.0 / (
            self.config.grid_resolution * torch.exp2(depth.to(unit.dtype) - 1.0)
        )  # of the parent, in root edges
        with torch.no_grad():
            shift = (torch.rand((len(child), LEVEL_SAMPLES, 3), device=unit.device) - 0.5) * gsd[:, None, None]
            cell = tree.cell[child][:, None].to(unit.dtype)
            edge = torch.exp2(-depth.to(unit.dtype))[:, None, None]
            around = torch.maximum(torch.minimum(place[:, None] + shift, (cell + 1) * edge), cell * edge)
            density = self.density(child.repeat_interleave(LEVEL_SAMPLES), around.reshape(-1, 3))
            seen = torch.exp(-density.reshape(-1, LEVEL_SAMPLES) * gsd[:, None]).mean(dim=1)
        return torch.exp(-self.density(parent, place) * gsd), seen

    def _evaluate(self, node: Tensor, unit: Tensor, direction: Tensor | None, local: bool = False) -> Tensor:
        """(N, 4) or (N, 1): density per world unit, color; `local` places are in the node's cube already."""
        if self.touched is not None:
            self.touched[node] = True
        depth = self.octree.depths(node)
        place = unit
        if not local:
            scale = torch.exp2(depth.to(unit.dtype))[:, None]
            place = unit * scale - self.octree.on(node.device).cell[node]
        if self.training:
            keep_nothing = self.config.gradient_checkpointing and torch.is_grad_enabled()
            values = (
                checkpoint(self.fields, node, place, direction, use_reentrant=False)
                if keep_nothing
                else self.fields(node, place, direction)
            )
        else:
            values = self._in_parts(node, place, direction)
        factor = torch.exp2(depth.to(values.dtype)) / self.config.root_edge
        return torch.cat([values[:, :1] * factor[:, None], values[:, 1:]], dim=1)

    def _in_parts(self, node: Tensor, place: Tensor, direction: Tensor | None) -> Tensor:
        size = self.samples_at_once
        parts = [
            self.fields(node[i : i + size], place[i : i + size], None if direction is None else direction[i : i + size])
            for i in range(0, max(1, len(node)), size)
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def _per_ray(value: Tensor | float, rays: Tensor) -> Tensor:
    return torch.as_tensor(value, dtype=rays.dtype, device=rays.device).expand(len(rays))
