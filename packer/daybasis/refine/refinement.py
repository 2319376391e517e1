"""Refine a lightmap: descent over the codes and a refit of the temporal matrix, sweep by sweep (see the package)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from todpack.decompressor.daybasis.transform.smoothing import Smoothing
from todpack.frames.psnr import psnr_db

from ..native import kernels
from ..quantize import FIRST_CENTROIDS, RD_WEIGHT
from ..rdoq import bits_of_counts
from ..refined import RefinedLightmap
from ..rounding import RoundedTiles, rotations_of
from ..single_blas import single_blas
from ..tiles import DayTiles, Tile
from ..transform.closed_form import TemporalTransform
from .config import PRESETS, RefineConfig
from .objective import Metric
from .rate import side_bits

Singles: TypeAlias = np.ndarray
OnSweep: TypeAlias = Callable[[int, int, str], object]
"""Told of tiles that were swept, of how many, and of the state: rate and PSNR."""

SETBACK, SETBACK_OF_TERMS = 1.0, 1.25
"""A sweep is taken back after which J, of plain squared errors, is over so much of the least it was; terms that weigh
errors otherwise may raise it somewhat."""
PROBED_BOUND = 0.16
"""Bound that tells whether smoothing suits the data, before the codes know of it (larger ones suit them later)."""
USUAL_SHARE = 0.06
"""Share of nonzero detail codes at which a component keeps the common step."""
OCTAVES = 2.5
"""Octaves of that share over which the step goes to its bounds."""
TEXELS = 1 << 14
"""Texels whose days are worked on at a time."""


def component_gains(codes: Sequence[list[Any]], sites: Sequence[Any], spread: float) -> np.ndarray:
    """(K,) factors on the step of each component: dense ones coarser, sparse ones finer.

    What a dead zone takes hurts most where few codes are left. A map may be divided by any factor if its column of the
    temporal matrix is multiplied by it, so steps of their own cost no change of the format.

    Args:
        codes: Bands of each tile at equal steps.
        sites: The coded places of each tile.
        spread: Factors are within 1 - spread and 1 + spread.
    """
    nonzero, n_sites = np.zeros(len(codes[0][0])), 0
    for bands, places in zip(codes, sites, strict=True):
        for level, band in enumerate(bands[1:], 1):
            nonzero += sum(np.count_nonzero(orientation, axis=(1, 2)) for orientation in band)
            n_sites += sum(int(site.sum()) for site in places[level])
    share = np.maximum(nonzero / max(n_sites, 1), 1e-9)
    return np.asarray(1 + spread * np.clip(np.log2(share / USUAL_SHARE) / OCTAVES, -1, 1))


@dataclass(frozen=True)
class Fit:
    """Least squares from the maps of all tiles to the days.

    Attributes:
        matrix: A (3T, K).
        offset: b (3T,).
    """

    matrix: np.ndarray
    offset: np.ndarray


class TileCodes:
    """The codes of one tile, held by the kernels.

    Args:
        tile: With valid texels.
        blocks: Regions of its blocks.
        rotations: (n_regions, K, K).
        codes: To begin with.
    """

    def __init__(self, tile: Tile, blocks: np.ndarray, rotations: np.ndarray, codes: Sequence[Any]) -> None:
        assert tile.pyramid is not None and kernels is not None
        self.tile, self.sites = tile, tile.pyramid.sites
        self._shapes = [np.shape(codes[0]), *([np.shape(b) for b in level] for level in codes[1:])]
        self._n_levels, self._n_maps = len(codes) - 1, len(codes[0])
        self._descent = kernels.Descent(
            tile.valid.astype(np.uint8),
            tile.shape,
            self._n_maps,
            self._n_levels,
            np.ascontiguousarray(blocks, np.uint8),
            np.ascontiguousarray(rotations, np.float64),
            len(rotations),
        )
        self.put(codes)

    def put(self, codes: Sequence[Any]) -> None:
        """Set all codes: bands coarse to fine."""
        self._descent.band(-1, 0, True, np.array(codes[0], np.int32, order="C"))
        for level in range(1, self._n_levels + 1):
            for o, band in enumerate(codes[level]):
                self._descent.band(self._n_levels - level, o, True, np.array(band, np.int32, order="C"))

    def bands(self) -> list[Any]:
        """The codes, as `put` takes them: int32 bands coarse to fine."""

        def band(depth: int, orientation: int, shape: tuple[int, ...]) -> np.ndarray:
            out = np.empty(shape, np.int32)
            self._descent.band(depth, orientation, False, out)
            return out

        details = [
            tuple(band(self._n_levels - level, o, shape) for o, shape in enumerate(self._shapes[level]))
            for level in range(1, self._n_levels + 1)
        ]
        return [band(-1, 0, self._shapes[0]), *details]

    def maps(self, centroids: tuple[float, float], smoothing: Smoothing | None) -> Singles:
        """(N, K) decoded maps at the valid texels, in units of q_step."""
        out = np.empty((len(self.tile.days), self._n_maps), np.float32)
        terms = (False, 0.0, 0.0, 0.0) if smoothing is None else (True, smoothing.bound, *smoothing.weights)
        self._descent.maps(centroids, terms, out)
        return out

    def counts(self) -> np.ndarray:
        """(N_FINE_CLASSES, LAST + 1) magnitudes by fine class; larger ones count as LAST."""
        out = np.empty((100, 16), np.int64)
        self._descent.count(out)
        return out

    def sweep(
        self,
        slopes: Singles,
        metric: np.ndarray,
        bits: np.ndarray,
        centroids: tuple[float, float],
        config: RefineConfig,
    ) -> np.ndarray:
        """Visit every code once; after `counts`.

        Args:
            slopes: (N, K) half the gradient of D in the maps.
            metric: G (K, K).
            bits: Costs of magnitudes by class.
            centroids: Reconstruction points.
            config: How to weigh.

        Returns:
            (2, 2) weighted excess of the best values over codes of magnitude 1 and larger ones, and the weights.
        """
        self._descent.slopes(slopes, np.ascontiguousarray(metric))
        weights = config.rd_weight, config.context_gain, config.energy_floor
        excess, total, _ = self._descent.sweep(centroids, np.ascontiguousarray(bits, np.float32), *weights)
        return np.array([excess, total])


class Refinement:
    """All tiles of one lightmap, and how far they are; see `refine`.

    Attributes:
        history: (bits, mean squared error) before and after each sweep.
    """

    def __init__(self, tiles: DayTiles, transform: TemporalTransform, q_step: float, config: RefineConfig) -> None:
        self.q_step, self.config = q_step, config
        used = [number for number, tile in enumerate(tiles) if tile.pyramid is not None]

        def rounded(gains: np.ndarray) -> RoundedTiles:
            scaled = replace(transform, basis=replace(transform.basis, matrix=transform.basis.matrix / gains))
            return RoundedTiles(tiles, scaled, q_step, RD_WEIGHT)

        equal_steps = rounded(np.ones(transform.basis.matrix.shape[1]))
        sites = [tiles[number].pyramid.sites for number in used]  # type: ignore[union-attr]
        self.gains = component_gains([equal_steps[number] for number in used], sites, config.gain_spread)
        del equal_steps
        rotations, codes = rotations_of(transform), rounded(self.gains)
        self.tiles = [TileCodes(tiles[n], transform.classes[n], rotations, codes[n]) for n in used]
        self.centroids = FIRST_CENTROIDS
        self.metric = Metric(transform.basis.frame_weights, config.temporal_weight, config.equal_db)
        self.history: list[tuple[float, float]] = []
        self._n_values = sum(tile.tile.days.size for tile in self.tiles)
        self.smoothing = self._useful(config.smoothing)

    def _useful(self, smoothing: Smoothing | None) -> Smoothing | None:
        """The smoothing, or none if it does not even help the first codes."""
        if smoothing is None:
            return None
        probe = replace(smoothing, bound=PROBED_BOUND)
        plain, smoothed = (self._error(self._maps(s)) for s in (None, probe))
        return smoothing if smoothed < plain else None

    def _maps(self, smoothing: Smoothing | None) -> list[Singles]:
        """(N, K) decoded maps of each tile."""
        return [tile.maps(self.centroids, smoothing) for tile in self.tiles]

    def _pieces(self, maps: list[Singles]) -> Iterator[tuple[Singles, Singles]]:
        """Some texels at a time: maps in units of q_step, and days."""
        for tile, of_tile in zip(self.tiles, maps, strict=True):
            for first in range(0, len(of_tile), TEXELS):
                some = slice(first, first + TEXELS)
                yield of_tile[some], tile.tile.days[some]

    def _fit(self, maps: list[Singles]) -> tuple[Fit, float]:
        """Least squares; and the mean squared error that they leave.

        The metric does not enter: it is one matrix for all texels, and then the solution does not depend on it.
        """
        n_maps, n_columns, count = maps[0].shape[1], self.tiles[0].tile.days.shape[1], 0
        zz, zd = np.zeros((n_maps, n_maps)), np.zeros((n_maps, n_columns))
        z, d, dd = np.zeros(n_maps), np.zeros(n_columns), np.zeros(n_columns)
        shift = self.tiles[0].tile.days[:TEXELS].mean(0)
        for some, days in self._pieces(maps):
            centered = days - shift
            zz += some.T @ some
            zd += some.T @ centered
            z += some.sum(0, dtype=np.float64)
            d += centered.sum(0, dtype=np.float64)
            dd += np.einsum("nd,nd->d", centered, centered, dtype=np.float64)
            count += len(some)
        z, d = z / count, d / count
        gram, cross = zz / count - np.outer(z, z), zd / count - np.outer(z, d)
        ridge = 1e-7 * max(float(np.trace(gram)) / n_maps, 1e-9)
        found = np.linalg.solve(gram + ridge * np.eye(n_maps), cross).T
        left = dd / count - d**2 - np.einsum("dk,kd->d", found, cross)
        return Fit(found / self.q_step, shift + d - found @ z), max(float(left.mean()), 0.0)

    def _error(self, maps: list[Singles]) -> float:
        return self._fit(maps)[1]

    def _update_metric(self, maps: list[Singles], fit: Fit) -> None:
        """Let the metric's weights follow the errors."""
        frame_mse, changes, count = 0.0, 0.0, 0
        for some, days in self._pieces(maps):
            errors = self._errors(some, days, fit).reshape(len(some), -1, 3)
            frame_mse = frame_mse + np.square(errors).sum((0, 2), dtype=np.float64)
            changes = changes + np.abs(np.diff(errors, axis=1)).sum((0, 2), dtype=np.float64)
            count += 3 * len(some)
        self.metric.update_weights(np.asarray(frame_mse) / count, np.asarray(changes) / count)

    def _errors(self, maps: Singles, days: Singles, fit: Fit) -> Singles:
        """(N, 3T) decoded minus original values."""
        errors = maps @ np.float32(self.q_step * fit.matrix.T)
        errors += fit.offset.astype(np.float32)
        errors -= days
        return np.asarray(errors)

    def errors(self) -> Singles:
        """(N, 3T) decoded minus original values of all valid texels as they are now."""
        maps = self._maps(self.smoothing)
        fit = self._fit(maps)[0]
        return np.concatenate([self._errors(some, days, fit) for some, days in self._pieces(maps)])

    def _refit(self, progress: float) -> tuple[list[Singles], np.ndarray, float]:
        """Fit A and b and take the metric anew.

        Returns:
            Slopes (N, K) of D in the maps of each tile, G (K, K), and the mean squared error.
        """
        maps = self._maps(self.smoothing)
        fit, mse = self._fit(maps)
        if not self.metric.is_plain:
            self._update_metric(maps, fit)
        weighted = self.metric.matrix(progress) @ fit.matrix
        # e = q_step A m + b - day, and half the gradient of e' M e / q_step^2 in m is A' M e / q_step
        to_slopes = (weighted / self.q_step).astype(np.float32)
        for some, days in self._pieces(maps):
            some[...] = self._errors(some, days, fit) @ to_slopes
        return maps, fit.matrix.T @ weighted, mse

    def _measure_rate(self) -> tuple[np.ndarray, float]:
        """Costs of magnitudes over all tiles, and the estimate of all bits."""
        counts = sum(tile.counts() for tile in self.tiles)
        costs = bits_of_counts(np.asarray(counts))
        side = sum(side_bits(tile.bands(), tile.sites) for tile in self.tiles)
        return costs, float((counts * costs).sum()) + side

    def run(self, on_sweep: OnSweep) -> RefinedLightmap:
        """Sweep as often as the configuration says."""
        config, n_tiles = self.config, len(self.tiles)
        setback = SETBACK if self.metric.is_plain else SETBACK_OF_TERMS
        slopes, metric, mse = self._refit(0.0)
        costs, rate = self._measure_rate()
        self.history.append((rate, mse))
        for sweep in range(1, config.n_sweeps + 1):
            note = f"{rate / 8000:.1f} kB, {psnr_db(max(mse, 1e-9)):.2f} dB"
            before = [tile.bands() for tile in self.tiles], self.centroids
            excess = np.zeros((2, 2))
            for number, tile in enumerate(self.tiles, 1):
                excess += tile.sweep(slopes[number - 1], metric, costs, self.centroids, config)
                on_sweep((sweep - 1) * n_tiles + number, config.n_sweeps * n_tiles, note)
            one, more = np.clip(np.rint(32 * excess[0] / np.maximum(excess[1], 1e-9)), -16, 16) / 32
            self.centroids = float(one), float(more)
            slopes, metric, mse = self._refit(sweep / config.n_sweeps)
            costs, rate = self._measure_rate()
            if self._cost(rate, mse) > setback * min(self._cost(*point) for point in self.history):
                for tile, codes in zip(self.tiles, before[0], strict=True):
                    tile.put(codes)
                self.centroids = before[1]
                break
            self.history.append((rate, mse))
        return RefinedLightmap(
            [tile.bands() for tile in self.tiles], self.centroids, self.smoothing, self.history, self.gains
        )

    def _cost(self, rate: float, mse: float) -> float:
        """J in squared steps, of plain squared errors."""
        return mse / self.q_step**2 * self._n_values + self.config.rd_weight * rate


@single_blas
def refine(
    tiles: DayTiles,
    transform: TemporalTransform,
    q_step: float,
    config: RefineConfig = PRESETS["fast"],
    on_sweep: OnSweep = lambda _done, _total, _note: None,
) -> RefinedLightmap:
    """Refine the codes of one lightmap against distortion + rd_weight * rate; the temporal transform stays.

    Args:
        tiles: The whole lightmap; at least one tile has a valid texel.
        transform: The temporal transform.
        q_step: Width of a bin, as it is packed.
        config: How to refine.
        on_sweep: Told of each tile of each sweep.

    Returns:
        Codes for the encoder; the same input gives the same codes on one machine.
    """
    return Refinement(tiles, transform, q_step, config).run(on_sweep)
