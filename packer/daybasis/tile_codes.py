"""The codes of a tile where the kernels hold them: rounded in closed form, counted, refined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from todpack.decompressor.daybasis.entropy.contexts import N_FINE_CLASSES
from todpack.decompressor.daybasis.transform.smoothing import Smoothing

from .native import kernels
from .quantize import FIRST_CENTROIDS
from .rdoq import LAST, bits_of_counts
from .tiles import Tile
from .transform.klt import TemporalBasis

if TYPE_CHECKING:
    from .refine.config import RefineConfig

Singles: TypeAlias = np.ndarray
TEXELS = 1 << 14
"""Texels whose days are worked on at a time."""


class TileCodes:
    """The codes of one tile, held by the kernels; at first all 0.

    Args:
        tile: With valid texels.
        blocks: Regions of its blocks.
        rotations: (n_regions, K, K).
    """

    def __init__(self, tile: Tile, blocks: np.ndarray, rotations: np.ndarray) -> None:
        assert tile.pyramid is not None and kernels is not None
        self.tile, self.sites, self._rotations = tile, tile.pyramid.sites, rotations
        self._n_levels, self._n_maps = len(self.sites) - 1, rotations.shape[1]
        self._descent = kernels.Descent(
            tile.valid.astype(np.uint8),
            tile.shape,
            self._n_maps,
            self._n_levels,
            np.ascontiguousarray(blocks, np.uint8),
            np.ascontiguousarray(rotations, np.float64),
            len(rotations),
        )

    def put(self, codes: Sequence[Any]) -> None:
        """Set all codes: bands coarse to fine."""
        self._descent.band(-1, 0, True, np.array(codes[0], np.int32, order="C"))
        for level in range(1, self._n_levels + 1):
            for o, band in enumerate(codes[level]):
                self._descent.band(self._n_levels - level, o, True, np.array(band, np.int32, order="C"))

    def bands(self) -> list[Any]:
        """The codes, bands coarse to fine: int32, details in the narrowest type that has their magnitudes."""

        def band(depth: int, orientation: int, shape: tuple[int, ...]) -> np.ndarray:
            out = np.empty((self._n_maps, *shape), np.int32)
            self._descent.band(depth, orientation, False, out)
            largest = max(-int(out.min(initial=0)), int(out.max(initial=0)))
            narrow = np.int8 if largest < 128 else np.int16 if largest < 32768 else np.int32
            return out if depth < 0 else out.astype(narrow)

        details = [
            tuple(band(self._n_levels - level, o, site.shape) for o, site in enumerate(self.sites[level]))
            for level in range(1, self._n_levels + 1)
        ]
        return [band(-1, 0, self.sites[0].shape), *details]

    def round(self, basis: TemporalBasis, q_step: float, rd_weight: float) -> np.ndarray:
        """Choose all codes, each by itself: rate-distortion optimized rounding, see `rdoq.round_with_contexts`.

        Args:
            basis: Of the maps.
            q_step: Width of a bin.
            rd_weight: Squared steps that a bit is worth; 0: a dead zone alone.

        Returns:
            (2, 2) excess of the coefficients over codes of magnitude 1 and larger ones, and how many there are.
        """
        days, maps = self.tile.days, np.empty((len(self.tile.days), self._n_maps), np.float32)
        for first in range(0, len(days), TEXELS):
            some = slice(first, first + TEXELS)
            np.multiply(basis.analyze(days[some]), np.float32(1 / q_step), out=maps[some])
        self._descent.analyze(maps)
        del maps
        inverses = np.ascontiguousarray(np.linalg.inv(self._rotations))
        found = self._descent.round(inverses, np.zeros(0, np.float32), 0.0, FIRST_CENTROIDS)
        if rd_weight > 0.0:
            bits = np.ascontiguousarray(bits_of_counts(self.counts()), np.float32)
            found = self._descent.round(inverses, bits, rd_weight, FIRST_CENTROIDS)
        return np.array(found)

    def maps(self, centroids: tuple[float, float], smoothing: Smoothing | None) -> Singles:
        """(N, K) decoded maps at the valid texels, in units of q_step."""
        out = np.empty((len(self.tile.days), self._n_maps), np.float32)
        terms = (False, 0.0, 0.0, 0.0) if smoothing is None else (True, smoothing.bound, *smoothing.weights)
        self._descent.maps(centroids, terms, out)
        return out

    def counts(self) -> np.ndarray:
        """(N_FINE_CLASSES, LAST + 1) magnitudes by fine class; larger ones count as LAST."""
        out = np.empty((N_FINE_CLASSES, LAST + 1), np.int64)
        self._descent.count(out)
        return out

    def aim(self, slopes: Singles, metric: np.ndarray) -> None:
        """Say where a sweep is to go.

        Args:
            slopes: (N, K) half the gradient of D in the maps.
            metric: G (K, K).
        """
        self._descent.slopes(slopes, np.ascontiguousarray(metric))

    def sweep(self, bits: np.ndarray, centroids: tuple[float, float], config: RefineConfig) -> np.ndarray:
        """Visit every code once; after `counts` and `aim`.

        Args:
            bits: Costs of magnitudes by class.
            centroids: Reconstruction points.
            config: How to weigh.

        Returns:
            (2, 2) weighted excess of the best values over codes of magnitude 1 and larger ones, and the weights.
        """
        weights = config.rd_weight, config.context_gain, config.energy_floor
        excess, total, _ = self._descent.sweep(centroids, np.ascontiguousarray(bits, np.float32), *weights)
        return np.array([excess, total])
