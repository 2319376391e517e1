"""Coordinate descent over the codes of a tile: each in turn takes the value of least distortion + rd_weight * rate.

Distortion is that of the maps, through the true synthesis: a code sees the rounding errors of all others. Codes of one
phase of one band move together, in coding order, so that contexts are those of codes already chosen: they hardly
overlap in space, and maps at one place are kept apart by a metric that is nearly diagonal (else see `damped`).
Rate is the coder's cost of the code in its class plus what its magnitude costs the codes whose context it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from todpack.decompressor.daybasis.transform.pyramid import Pyramid
from todpack.decompressor.daybasis.transform.rotations import Regions, reconstruct
from todpack.packer.daybasis.quantize import FIRST_CENTROIDS
from todpack.packer.daybasis.rdoq import LAST

from .contexts import second_phase, walk
from .synthesis import BandRotation, Bands, Synthesis, site_energies

Tensor = torch.Tensor
Key = tuple[int, int]
TINY = 1e-12  # a component that no time uses has no curvature, and no slope


class TileDescent:
    """The codes of one tile, in the coded (rotated) components, and the distortion that they are moved under.

    Attributes:
        codes: By (level, orientation).
        sites: (h, w) bool each.
        centroids: Reconstruction points of details.
        curvature: Half the second derivative of D in each code.
    """

    def __init__(
        self, pyramid: Pyramid, regions: Regions, codes: Sequence[Any], device: torch.device, seed: int = 0
    ) -> None:
        """Begin with given codes.

        Args:
            pyramid: The tile's transform.
            regions: Classes of its blocks and their rotations.
            codes: Bands coarse to fine.
            device: Where to compute.
            seed: Of the random probes that measure synthesis norms.
        """
        self.synthesis, self.n_levels, self.device = Synthesis(pyramid, device), len(pyramid.levels), device
        self.codes = _by_key(codes, np.float32, device)
        self.sites = _by_key(pyramid.sites, bool, device)
        self._rotations = {
            (level, o): BandRotation(site, regions, self._stride(level), device)
            for level in range(1, self.n_levels + 1)
            for o, site in enumerate(pyramid.sites[level])
        }
        self._matrices = torch.from_numpy(regions.rotations).float().to(device)
        self._energies = site_energies(self.synthesis, seed)
        self.centroids = FIRST_CENTROIDS
        self._valid = torch.from_numpy(np.flatnonzero(pyramid.valid.ravel())).to(device)

    def _stride(self, level: int) -> int:
        """Texels from sample to sample of a level's bands."""
        return 1 << (self.n_levels + 1 - level)

    def bands(self) -> list[Any]:
        """Codes as the encoder takes them, int32 bands coarse to fine."""
        codes = {key: band.round().int().cpu().numpy() for key, band in self.codes.items()}
        return [codes[0, 0], *(tuple(codes[level, o] for o in range(3)) for level in range(1, self.n_levels + 1))]

    def maps(self) -> Tensor:
        """(K, h, w) decoded maps in units of q_step, before smoothing."""
        coefficients = {
            key: self._rotations[key].apply(reconstruct(band, self.centroids), self._matrices) if key[0] else band
            for key, band in self.codes.items()
        }
        return self.synthesis.maps(coefficients)

    def at_valid(self, maps: Tensor) -> Tensor:
        """(K, N) of (K, h, w) maps, at the valid texels."""
        return maps.reshape(len(maps), -1)[:, self._valid]

    def set_target(self, metric: Tensor, target: Tensor, weights: Tensor | None = None, damped: bool = False) -> None:
        """Set the distortion m' G m - 2 t' m of the texels' maps m.

        Args:
            metric: G (K, K), symmetric.
            target: t (K, N) at the valid texels, in units of q_step.
            weights: (h, w) by which the distortion counts against the rate; None: 1.
            damped: G is far from diagonal: components of one phase move together, so each takes shorter steps.
        """
        self._damping = torch.ones(len(metric), device=self.device)
        if damped:
            self._damping = metric.abs().sum(1) / metric.diagonal().clamp(min=TINY)
        self._weights, self._metric = weights, metric
        maps = self.maps()
        flat = torch.zeros_like(maps).reshape(len(maps), -1)
        flat[:, self._valid] = target
        self._slope = self._times_metric(maps) - flat.reshape(maps.shape)  # half that of D in the maps
        own = torch.einsum("cik,ij,cjk->ck", self._matrices, metric, self._matrices)
        self.curvature = {
            (level, o): self._energies[level][o] * rotation.at_sites(own, self.codes[level, o].shape)
            for (level, o), rotation in self._rotations.items()
        }
        self.curvature[0, 0] = self._energies[0][0] * metric.diagonal()[:, None, None]

    def _times_metric(self, maps: Tensor) -> Tensor:
        return (self._metric @ maps.reshape(len(maps), -1)).reshape(maps.shape)

    def best_values(self, key: Key) -> Tensor:
        """The real value of least D for each coefficient of a band, with all others as they are (a Newton step)."""
        level, o = key
        slope = self.synthesis.adjoint(self._slope, level)[o]
        values = self.codes[key]
        if level:
            slope, values = self._rotations[key].apply(slope, self._matrices.mT), reconstruct(values, self.centroids)
        return values - slope / (self.curvature[key] * self._damping[:, None, None]).clamp(min=TINY)

    def _move(self, key: Key, codes: Tensor) -> None:
        """Set the codes of a band, and let the slope of D follow."""
        if key[0]:
            change = reconstruct(codes, self.centroids) - reconstruct(self.codes[key], self.centroids)
            change = self._rotations[key].apply(change, self._matrices)
        else:
            change = codes - self.codes[key]
        self.codes[key] = codes
        self._slope += self._times_metric(self.synthesis.maps({key: change}))

    def _weighted_curvature(self, key: Key) -> Tensor:
        curvature = self.curvature[key]
        if self._weights is None:
            return curvature
        stride, (h, w) = self._stride(key[0]), curvature.shape[1:]
        sampled = self._weights[::stride, ::stride]
        rows = torch.arange(h, device=self.device).clamp(max=sampled.shape[0] - 1)
        columns = torch.arange(w, device=self.device).clamp(max=sampled.shape[1] - 1)
        return curvature * sampled[rows][:, columns]

    def sweep(self, bits: Tensor, slopes: Bands, rd_weight: float) -> None:
        """Visit every code once, in coding order.

        Args:
            bits: Costs of magnitudes by class.
            slopes: Bits that one more unit of each magnitude costs later codes; bands left out count as 0.
            rd_weight: Squared steps that a bit is worth.
        """
        second = second_phase(self.codes[0, 0].shape, self.device)
        for chosen in (~second, second):  # the low band is rounded plainly
            self._move((0, 0), torch.where(chosen, self.best_values((0, 0)).round(), self.codes[0, 0]))
        magnitudes = {key: band.abs() for key, band in self.codes.items()}
        for key, context in walk(magnitudes, self.sites, self.n_levels):
            curvature = self._weighted_curvature(key)
            for phase in (0, 1):
                coded = context.coded(phase)
                classes = context.classes(phase, self.codes[key].abs() * ~context.second if phase else None)[coded]
                values = self.best_values(key)[coded]
                slope = slopes[key][coded] if key in slopes else torch.zeros_like(values)
                codes = self.codes[key].clone()
                codes[coded] = cheapest_codes(
                    values, curvature[coded], bits[classes] * rd_weight, slope * rd_weight, self.centroids
                )
                self._move(key, codes)
            magnitudes[key] = self.codes[key].abs()


def _by_key(bands: Sequence[Any], dtype: Any, device: torch.device) -> Bands:
    flat = [((0, 0), bands[0])]
    flat += [((level, o), bands[level][o]) for level in range(1, len(bands)) for o in range(3)]
    return {key: torch.from_numpy(np.asarray(band, dtype)).to(device) for key, band in flat}


def cheapest_codes(
    values: Tensor, curvature: Tensor, costs: Tensor, slopes: Tensor, centroids: tuple[float, float]
) -> Tensor:
    """Codes (N,) of least curvature * error^2 + cost + slope * magnitude among 0 and the integers around `values`.

    Args:
        values: (N,) real values in steps.
        curvature: (N,) weight of the squared error.
        costs: (N, LAST + 1) of the magnitudes, in squared steps.
        slopes: (N,) cost of a unit of magnitude for others, in squared steps.
        centroids: Excess of the reconstruction points of magnitude 1, and of larger ones.
    """
    magnitudes = values.abs()
    best, best_cost = torch.zeros_like(values), curvature * magnitudes**2 + costs[:, 0]
    lower = magnitudes.floor()
    for candidate in (lower, lower + 1):
        excess = torch.where(candidate > 1, centroids[1], centroids[0])
        rate = costs.gather(1, candidate.clamp(max=LAST).long()[:, None])[:, 0] + slopes * candidate
        cost = curvature * (magnitudes - candidate - excess) ** 2 + rate
        better = (cost < best_cost) & (candidate > 0)
        best, best_cost = torch.where(better, candidate, best), torch.where(better, cost, best_cost)
    return best * values.sign()
