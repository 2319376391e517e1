"""Refine a lightmap: descent over the codes and a refit of the temporal matrix, sweep by sweep (see the package)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from todpack.decompressor.daybasis.transform.smoothing import Smoothing
from todpack.frames.psnr import psnr_db

from ..quantize import FIRST_CENTROIDS, RD_WEIGHT, stored_centroids
from ..rdoq import bits_of_counts
from ..refined import RefinedLightmap
from ..rounding import rotations_of
from ..single_blas import single_blas
from ..tile_codes import TEXELS, Singles, TileCodes
from ..tiles import DayTiles
from ..transform.closed_form import TemporalTransform
from .config import PRESETS, RefineConfig
from .objective import Metric
from .rate import side_bits

OnSweep: TypeAlias = Callable[[int, int, str], object]
"""Told of tiles that were swept, of how many, and of the state: rate and PSNR."""

SETBACK, SETBACK_OF_TERMS = 1.0, 1.25
"""A sweep is taken back after which J, of plain squared errors, is over so much of the least it was; terms that weigh
errors otherwise may raise it somewhat."""
PROBED_BOUND = 0.16
"""Bound that tells whether smoothing suits the data, before the codes know of it (larger ones suit them later)."""
LEAST_GAIN = 1.1
"""Factor on the common step: what refined codes need less than rounded ones is bits, rather than finer steps."""
USUAL_SHARE = 0.06
"""Share of nonzero detail codes from which on a component is dense."""
OCTAVES = 2.5
"""Octaves of that share over which the step becomes the coarsest."""


def component_gains(codes: Sequence[list[Any]], tiles: Sequence[TileCodes], spread: float) -> np.ndarray:
    """(K,) factors on the step of each component: dense ones are coarser.

    What a dead zone takes hurts most where few codes are left. A map may be divided by any factor if its column of the
    temporal matrix is multiplied by it, so steps of their own cost no change of the format.

    Args:
        codes: Bands of each tile at equal steps.
        tiles: Of these.
        spread: How much coarser the densest are.
    """
    nonzero, n_sites = np.zeros(len(codes[0][0])), 0
    for bands, tile in zip(codes, tiles, strict=True):
        for level, band in enumerate(bands[1:], 1):
            nonzero += sum(np.count_nonzero(orientation, axis=(1, 2)) for orientation in band)
            n_sites += sum(int(site.sum()) for site in tile.sites[level])
    share = np.maximum(nonzero / max(n_sites, 1), 1e-9)
    return np.asarray(LEAST_GAIN * (1 + spread * np.clip(np.log2(share / USUAL_SHARE) / OCTAVES, 0, 1)))


@dataclass(frozen=True)
class Fit:
    """Least squares from the maps of all tiles to the days.

    Attributes:
        matrix: A (3T, K).
        offset: b (3T,).
    """

    matrix: np.ndarray
    offset: np.ndarray


class Refinement:
    """All tiles of one lightmap, and how far they are; see `refine`.

    Attributes:
        history: (bits, mean squared error) before and after each sweep.
    """

    def __init__(self, tiles: DayTiles, transform: TemporalTransform, q_step: float, config: RefineConfig) -> None:
        self.q_step, self.config = q_step, config
        rotations = rotations_of(transform)
        used = [(tile, transform.classes[n]) for n, tile in enumerate(tiles) if tile.pyramid is not None]
        self.tiles = [TileCodes(tile, classes, rotations) for tile, classes in used]
        for tile in self.tiles:
            tile.round(transform.basis, q_step, RD_WEIGHT)
        self.gains = component_gains([tile.bands() for tile in self.tiles], self.tiles, config.gain_spread)
        scaled = replace(transform.basis, matrix=transform.basis.matrix / self.gains)
        for tile in self.tiles:
            tile.round(scaled, q_step, RD_WEIGHT)
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

    def _aim(self, progress: float) -> float:
        """Fit A and b, take the metric anew, and give the tiles the slopes of D in their maps.

        Returns:
            The mean squared error.
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
        metric = fit.matrix.T @ weighted
        for tile in self.tiles:
            tile.aim(maps.pop(0), metric)
        return mse

    def _measure_rate(self) -> tuple[np.ndarray, float, list[Any]]:
        """Costs of magnitudes over all tiles, the estimate of all bits, and the codes of each tile."""
        counts = sum(tile.counts() for tile in self.tiles)
        costs = bits_of_counts(np.asarray(counts))
        codes = [tile.bands() for tile in self.tiles]
        side = sum(side_bits(bands, tile.sites) for bands, tile in zip(codes, self.tiles, strict=True))
        return costs, float((counts * costs).sum()) + side, codes

    def run(self, on_sweep: OnSweep) -> RefinedLightmap:
        """Sweep as often as the configuration says."""
        config, n_tiles = self.config, len(self.tiles)
        setback = SETBACK if self.metric.is_plain else SETBACK_OF_TERMS
        costs, rate, codes = self._measure_rate()
        mse = self._aim(0.0)
        self.history.append((rate, mse))
        for sweep in range(1, config.n_sweeps + 1):
            note = f"{rate / 8000:.1f} kB, {psnr_db(max(mse, 1e-9)):.2f} dB"
            excess = np.zeros((2, 2))
            for number, tile in enumerate(self.tiles, 1):
                excess += tile.sweep(costs, self.centroids, config)
                on_sweep((sweep - 1) * n_tiles + number, config.n_sweeps * n_tiles, note)
            before = codes, self.centroids
            self.centroids = stored_centroids(*excess)
            costs, rate, codes = self._measure_rate()
            mse = self._aim(sweep / config.n_sweeps)
            if self._cost(rate, mse) > setback * min(self._cost(*point) for point in self.history):
                codes, self.centroids = before
                for tile, bands in zip(self.tiles, codes, strict=True):
                    tile.put(bands)
                break
            self.history.append((rate, mse))
            del before
        return RefinedLightmap(codes, self.centroids, self.smoothing, self.history, self.gains)

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
