"""The latents of a tile: coefficients in steps of the coder's pyramid, and the maps that they decode to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from todpack.decompressor.daybasis.transform.lifting import band_gains
from todpack.decompressor.daybasis.transform.pyramid import Pyramid, in_coding_order
from todpack.decompressor.daybasis.transform.rotations import reconstruct, site_regions
from todpack.decompressor.daybasis.transform.smoothing import Smoothing

from .lifting import InverseLifting, smoothed


class TileLatents(nn.Module):
    """Coefficients of all sites of a tile, in steps and in the rotated basis in which they are coded.

    Bands lie one after another in coding order, each with all its places in raster order: such a place is a cell. Only
    cells that are sites have a coefficient. Columns of `coefficients` are sites sorted by region, low ones first, so
    that a rotation takes its sites at once.

    Args:
        pyramid: Of the tile's mask.
        blocks: (rows, columns) uint8 region of each block.
        rotations: (n_regions, K, K).
        q_step: Width of a bin.
        smoothing: Of the decoded maps; None: none.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        blocks: np.ndarray,
        rotations: np.ndarray,
        q_step: float,
        smoothing: Smoothing | None,
    ) -> None:
        super().__init__()
        n_levels = len(pyramid.levels)
        sites = in_coding_order(pyramid.sites)
        self.shapes = [site.shape for site in sites]
        self.sizes = [site.size for site in sites]
        strides = [1, *(1 << (n_levels - i // 3) for i in range(3 * n_levels))]
        regions = np.concatenate(
            [site_regions(blocks, s.shape, n).ravel() for s, n in zip(sites, strides, strict=True)]
        )
        places = np.flatnonzero(np.concatenate([site.ravel() for site in sites]))
        self.n_low = int(np.searchsorted(places, self.sizes[0]))
        by_region = np.argsort(regions[places[self.n_low :]], kind="stable")
        ordered = np.concatenate([places[: self.n_low], places[self.n_low :][by_region]])
        counts = np.bincount(regions[ordered[self.n_low :]], minlength=len(rotations))
        gains = [gain for level in band_gains(n_levels) for gain in level]
        scales = zip(gains, in_coding_order(pyramid.step_scale), strict=True)
        self._counts = counts.tolist()
        self._rotations = torch.from_numpy(np.asarray(rotations, np.float32))
        self._cells = torch.from_numpy(ordered)
        self._scales = torch.from_numpy(
            np.concatenate([np.float32(q_step * gain) * scale.ravel() for gain, scale in scales]).astype(np.float32)
        )
        self.band_sites = [torch.from_numpy(site) for site in sites]
        self._valid = torch.from_numpy(pyramid.valid.astype(np.float32))
        self.inside = torch.from_numpy(np.flatnonzero(pyramid.valid))
        self._lifting, self._smoothing, self._q_step = InverseLifting(pyramid), smoothing, q_step
        self.coefficients = nn.Parameter(torch.zeros(rotations.shape[1], len(ordered)))

    def put(self, bands: Sequence[Any]) -> None:
        """Set all coefficients: bands coarse to fine, each (K, h, w)."""
        flat = np.concatenate([band.reshape(len(band), -1) for band in in_coding_order(bands)], axis=1)
        with torch.no_grad():
            self.coefficients.copy_(torch.from_numpy(np.asarray(flat, np.float32))[:, self._cells])

    def codes(self) -> list[Any]:
        """The coefficients, rounded: int32 bands coarse to fine."""
        flat = self.cells(self.coefficients.detach().round()).numpy().astype(np.int32)
        parts = np.split(flat, np.cumsum(self.sizes)[:-1], axis=1)
        bands = [part.reshape(len(part), *shape) for part, shape in zip(parts, self.shapes, strict=True)]
        return [bands[0], *(tuple(bands[i : i + 3]) for i in range(1, len(bands), 3))]

    def cells(self, values: Tensor) -> Tensor:
        """(K, cells) of values (K, sites), 0 elsewhere."""
        return values.new_zeros(len(values), len(self._scales)).index_copy(1, self._cells, values)

    def bands(self, values: Tensor) -> list[Tensor]:
        """(K, h, w) of each band of values (K, sites), in coding order."""
        return self._split(self.cells(values))

    def _split(self, flat: Tensor) -> list[Tensor]:
        return [part.unflatten(1, shape) for part, shape in zip(flat.split(self.sizes, 1), self.shapes, strict=True)]

    def maps(self, values: Tensor, centroids: tuple[float, float] | None) -> Tensor:
        """Decode.

        Args:
            values: (K, sites), integers in the order of `coefficients`, or anything between.
            centroids: Reconstruction points of integers; None takes the values as they are.

        Returns:
            (K, valid texels).
        """
        low, details = values[:, : self.n_low], values[:, self.n_low :]
        if centroids is not None:
            details = reconstruct(details, centroids)
        if len(self._rotations) > 1:
            parts = zip(self._rotations, details.split(self._counts, 1), strict=True)
            details = torch.cat([rotation @ part for rotation, part in parts], 1)
        bands = self._split(self.cells(torch.cat([low, details], 1)) * self._scales)
        maps = self._lifting(bands[0], [(bands[i], bands[i + 1], bands[i + 2]) for i in range(1, len(bands), 3)])
        if self._smoothing is not None:
            maps = smoothed(maps, self._valid, self._smoothing, self._q_step)
        return maps.flatten(1)[:, self.inside]
