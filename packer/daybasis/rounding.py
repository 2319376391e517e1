"""Codes of a day's tiles in closed form: transformed, rotated by region, rounded for rate and distortion."""

from __future__ import annotations

from typing import Any

import numpy as np

from todpack.decompressor.daybasis.transform.rotations import rotate_bands, rotations_of_codes

from .native import kernels
from .quantize import FIRST_CENTROIDS, CentroidFit, quantize, to_steps
from .rdoq import round_with_contexts
from .tile_codes import TileCodes
from .tiles import DayTiles, Tile
from .transform.closed_form import TemporalTransform
from .transform.forward import forward


def rotations_of(transform: TemporalTransform) -> np.ndarray:
    """(n_classes, K, K) regional rotations, as the decoder makes them of their codes."""
    return rotations_of_codes(transform.skew_codes, transform.basis.matrix.shape[1])


class RoundedTiles:
    """Codes of each tile, rounded for rate and distortion; and the reconstruction points of all.

    The points are fitted to all tiles of a day that is kept in memory, whose codes are kept as well, and to the sample
    tiles of another.
    """

    def __init__(self, tiles: DayTiles, transform: TemporalTransform, q_step: float, rd_weight: float) -> None:
        self._tiles, self._transform, self._q_step, self._rd_weight = tiles, transform, q_step, rd_weight
        self._rotations = rotations_of(transform)
        self._back = np.asarray(np.linalg.inv(self._rotations), np.float64)
        self._kept: dict[int, list[Any]] = {}
        fit = CentroidFit()
        numbers = range(len(tiles)) if tiles.is_kept else transform.samples or range(len(tiles))
        for number in numbers:
            if tiles[number].pyramid is not None:
                codes = self._round(tiles[number], number, fit)
                if tiles.is_kept:
                    self._kept[number] = codes
        self.centroids = fit.centroids()

    def _round(self, tile: Tile, number: int, fit: CentroidFit | None = None) -> list[Any]:
        """Codes of a tile, to which the reconstruction points are fitted as well."""
        assert tile.pyramid is not None
        if kernels is not None:
            held = TileCodes(tile, self._transform.classes[number], self._rotations)
            excess = held.round(self._transform.basis, self._q_step, self._rd_weight)
            if fit is not None:
                fit.add_sums(*excess)
            return held.bands()
        sites = tile.pyramid.sites
        plain = to_steps(forward(tile.maps(self._transform.basis), tile.pyramid), tile.pyramid, self._q_step)
        steps = rotate_bands(plain, sites, self._transform.classes[number], self._back)
        codes = quantize(steps)
        if self._rd_weight > 0.0:
            codes = round_with_contexts(steps, codes, sites, self._rd_weight, FIRST_CENTROIDS)
        if fit is not None:
            fit.add(steps, codes)
        return codes

    def __getitem__(self, number: int) -> list[Any]:
        return self._kept.pop(number, None) or self._round(self._tiles[number], number)
