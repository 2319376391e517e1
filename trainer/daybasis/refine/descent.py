"""Coordinate descent over the integer codes: each in turn takes the value of least distortion + rd_weight * rate.

Distortion is that of the maps in the metric of the temporal matrix, through the true synthesis: a code sees the
rounding errors of all others. Codes of one color of one band hardly overlap and move together, in coding order, so that
contexts are those of codes already chosen. Rate is the coder's cost of the code in its class plus what its magnitude
costs the codes whose context it is (`costs.context_gradient`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from todpack.decompressor.daybasis.transform.pyramid import Pyramid
from todpack.decompressor.daybasis.transform.rotations import Regions

from .choice import choose
from .contexts import BandContext, color
from .costs import Bands, mean_code
from .synthesis import Synthesis, site_energies
from .turning import BandTurns

Tensor = torch.Tensor
TINY = 1e-12  # a component that no time uses has no curvature, and no slope


class TileDescent:
    """State of one tile: integer codes in the coded (turned) basis.

    Args:
        pyramid: Of the tile.
        regions: Classes of its blocks and their rotations.
        codes: First codes, float bands coarse to fine.
        device: Of torch.
        seed: Of the probes of the synthesis norms.
    """

    def __init__(
        self, pyramid: Pyramid, regions: Regions, codes: Sequence[Any], device: torch.device, seed: int = 0
    ) -> None:
        self.synthesis, self.n_levels, self.device = Synthesis(pyramid, device), len(pyramid.levels), device
        flat = [((0, 0), codes[0], pyramid.sites[0])]
        for level in range(1, self.n_levels + 1):
            flat += [((level, o), codes[level][o], pyramid.sites[level][o]) for o in range(3)]
        self.codes: Bands = {key: torch.from_numpy(np.asarray(c, np.float32)).to(device) for key, c, _ in flat}
        self.sites: Bands = {key: torch.from_numpy(s).to(device) for key, _, s in flat}
        self.turning = {
            (level, o): BandTurns(site, regions, 1 << (self.n_levels + 1 - level), device)
            for (level, o), _, site in flat
            if level
        }
        self.turns = torch.from_numpy(regions.rotations).float().to(device)
        self.energies = site_energies(self.synthesis, seed)
        self.centroids = (0.0, 0.0625)
        self.valid = torch.from_numpy(np.flatnonzero(pyramid.valid.ravel())).to(device)

    def values(self, band: Tensor) -> Tensor:
        """Reconstruction points of detail codes."""
        one, more = self.centroids
        return band + (2 * one - more) * band.clamp(-1, 1) + (more - one) * band.clamp(-2, 2)

    def common(self) -> Bands:
        """Coefficients in the common basis, as the decoder restores them."""
        return {
            key: self.turning[key].apply(self.values(band), self.turns) if key[0] else band
            for key, band in self.codes.items()
        }

    def at_valid(self, maps: Tensor) -> Tensor:
        """(K, N) of (K, h, w) maps, at the valid texels."""
        return maps.reshape(len(maps), -1)[:, self.valid]

    def aim(self, metric: Tensor, target: Tensor, weights: Tensor | None = None, damped: bool = False) -> None:
        """Set the quadratic distortion m' G m - 2 t' m of the texels' maps m.

        Args:
            metric: G (K, K), symmetric.
            target: t (K, N) at the valid texels, in units of q_step.
            weights: (h, w) by which the distortion counts against the rate; None: 1.
            damped: G is far from diagonal: components of one color move together, so each takes shorter steps.
        """
        self.damping = torch.ones(len(metric), device=self.device)
        if damped:
            self.damping = metric.abs().sum(1) / metric.diagonal().clamp(min=TINY)
        self.weights = weights
        self.metric = metric
        maps = self.synthesis.maps(self.common())
        flat = torch.zeros_like(maps).reshape(len(maps), -1)
        flat[:, self.valid] = target
        self.residual = self._metric(maps) - flat.reshape(maps.shape)
        own = torch.einsum("cik,ij,cjk->ck", self.turns, metric, self.turns)
        self.curvature = {
            (level, o): self.energies[level][o] * turning.spread(own, self.codes[level, o].shape)
            for (level, o), turning in self.turning.items()
        }
        self.curvature[0, 0] = self.energies[0][0] * metric.diagonal()[:, None, None]

    def bands(self) -> list[Any]:
        """Codes as the packer takes them, int32 bands coarse to fine."""
        codes = {key: band.round().int().cpu().numpy() for key, band in self.codes.items()}
        return [codes[0, 0], *(tuple(codes[level, o] for o in range(3)) for level in range(1, self.n_levels + 1))]

    def _metric(self, maps: Tensor) -> Tensor:
        return (self.metric @ maps.reshape(len(maps), -1)).reshape(maps.shape)

    def wanted(self, key: tuple[int, int]) -> Tensor:
        """Best real value of each coefficient of a band with all others as they are."""
        level, o = key
        slope = self.synthesis.adjoint(self.residual, level)[o]
        values = self.codes[key]
        if level:
            slope, values = self.turning[key].apply(slope, self.turns.transpose(1, 2)), self.values(values)
        return values - slope / (self.curvature[key] * self.damping[:, None, None]).clamp(min=TINY)

    def move(self, key: tuple[int, int], codes: Tensor) -> None:
        """Set the codes of a band and follow with the residual."""
        if key[0]:
            change = self.values(codes) - self.values(self.codes[key])
            change = self.turning[key].apply(change, self.turns)
        else:
            change = codes - self.codes[key]
        self.codes[key] = codes
        self.residual += self._metric(self.synthesis.maps({key: change}))

    def _weights_of(self, level: int, shape: tuple[int, int]) -> Tensor:
        """Weights at the sites of a level's bands."""
        assert self.weights is not None
        stride = 1 << (self.n_levels + 1 - level)
        sampled = self.weights[::stride, ::stride]
        rows = torch.arange(shape[0], device=self.device).clamp(max=sampled.shape[0] - 1)
        columns = torch.arange(shape[1], device=self.device).clamp(max=sampled.shape[1] - 1)
        return sampled[rows][:, columns]

    def sweep(self, bits: Tensor, slopes: Bands, rd_weight: float) -> None:
        """Visit every code once, in coding order.

        Args:
            bits: Costs of magnitudes by class.
            slopes: Bits that one more unit of each magnitude costs later codes; bands left out count as 0.
            rd_weight: Squared steps that a bit is worth.
        """
        low = self.codes[0, 0]
        late = color(tuple(low.shape), self.device)
        for phase in (0, 1):
            self.move((0, 0), torch.where(late == bool(phase), self.wanted((0, 0)).round(), self.codes[0, 0]))
        before: list[Tensor] = []
        for level in range(1, self.n_levels + 1):
            mine: list[Tensor] = []
            for o in range(3):
                key = (level, o)
                means = mean_code(self.codes[key], self.sites[key])
                k, h, w = self.codes[key].shape
                context = BandContext(level, self.n_levels, o, (k, h, w), before, mine, means)
                late = color((k, h, w), self.device)
                for phase in (0, 1):
                    first = self.codes[key].abs() * ~late if phase else None
                    classes = context.classes(phase, first)
                    here = (late == bool(phase)) & self.sites[key] & (means != 0)[:, None, None]
                    chosen = self.codes[key].clone()
                    wanted = self.wanted(key)[here]
                    slope = slopes[key][here] if key in slopes else torch.zeros_like(wanted)
                    curvature = self.curvature[key][here]
                    if self.weights is not None:
                        curvature = curvature * self._weights_of(level, (h, w)).expand(k, h, w)[here]
                    costs = bits[classes[here]] * rd_weight
                    chosen[here] = choose(wanted, curvature, costs, slope * rd_weight, self.centroids)
                    self.move(key, chosen)
                mine.append(self.codes[key].abs())
            before = mine
