"""Refine a lightmap: descent over the codes and a refit of the temporal matrix, sweep by sweep (see the package)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from todpack.decompressor.daybasis.transform.rotations import Regions
from todpack.decompressor.daybasis.transform.smoothing import Smoothing
from todpack.frames.psnr import psnr_db
from todpack.packer.daybasis.basis import BasisFit
from todpack.packer.daybasis.encoder import RoundedTiles, rotations_of
from todpack.packer.daybasis.quantize import RD_WEIGHT
from todpack.packer.daybasis.refined import RefinedLightmap
from todpack.packer.daybasis.single_blas import single_blas
from todpack.packer.daybasis.tiles import DayTiles
from todpack.packer.daybasis.transform.closed_form import TemporalTransform
from todpack.packer.progress import ProgressLine

from ..device import pick_device
from ..errors import TrainingError
from .config import PRESETS, RefineConfig
from .descent import Key, TileDescent
from .objective import Metric
from .perceptual import PerceptualTerm
from .rate import bits_and_rate, context_slopes, count_classes, side_bits
from .synthesis import smoothing_steps

Tensor = torch.Tensor
State = dict[str, Any]
Snapshot = list[tuple[dict[Key, Tensor], tuple[float, float]]]

SETBACK, SETBACK_OF_TERMS = 1.0, 1.25
"""A sweep is taken back after which J, of plain squared errors, is over so much of the least it was; terms that weigh
errors otherwise may raise it somewhat."""
PROBED_BOUND = 0.16
"""Bound that tells whether smoothing suits the data, before the codes know of it (larger ones suit them later)."""
USUAL_SHARE = 0.06
"""Share of nonzero detail codes at which a component keeps the common step."""
OCTAVES = 2.5
"""Octaves of that share over which the step goes to its bounds."""


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
            nonzero += sum((orientation != 0).sum((1, 2)) for orientation in band)
            n_sites += sum(int(site.sum()) for site in places[level])
    share = np.maximum(nonzero / max(n_sites, 1), 1e-9)
    return 1 + spread * np.clip(np.log2(share / USUAL_SHARE) / OCTAVES, -1, 1)


class Refinement:
    """All tiles of one lightmap, and how far they are; see `refine`.

    Attributes:
        history: (bits, mean squared error) before and after each sweep.
        n_done: Sweeps done.
    """

    def __init__(
        self, tiles: DayTiles, transform: TemporalTransform, q_step: float, config: RefineConfig, device: torch.device
    ) -> None:
        self.q_step, self.config, self.device = q_step, config, device
        used = [(number, tile.pyramid) for number, tile in enumerate(tiles) if tile.pyramid is not None]
        self.days = [tiles[number].days for number, _ in used]

        def rounded(gains: np.ndarray) -> list[list[Any]]:
            scaled = replace(transform, basis=replace(transform.basis, matrix=transform.basis.matrix / gains))
            codes = RoundedTiles(tiles, scaled, q_step, RD_WEIGHT)
            return [codes[number] for number, _ in used]

        equal_steps = rounded(np.ones(transform.basis.matrix.shape[1]))
        gains = component_gains(equal_steps, [pyramid.sites for _, pyramid in used], config.gain_spread)
        self._basis = replace(transform.basis, matrix=transform.basis.matrix * gains)
        rotations = rotations_of(transform)
        self.tiles = [
            TileDescent(pyramid, Regions(transform.classes[number], rotations), codes, device, config.seed)
            for (number, pyramid), codes in zip(used, rounded(gains), strict=True)
        ]
        self.metric = Metric(transform.basis.frame_weights, config.temporal_weight, config.equal_db)
        self.perceptual = PerceptualTerm(config, [tiles[number] for number, _ in used], device)
        self._weights_before: State = {}
        self.history: list[tuple[float, float]] = []
        self.n_done, self._cautious = 0, False
        self.smoothing = self._useful(config.smoothing)

    def _useful(self, smoothing: Smoothing | None) -> Smoothing | None:
        """The smoothing, or none if it does not even help the first codes."""
        if smoothing is None:
            return None
        probe = replace(smoothing, bound=PROBED_BOUND)
        plain, smoothed = (self._fit(self._maps(s))[2] for s in (None, probe))
        return smoothing if np.mean(smoothed**2) < np.mean(plain**2) else None

    def _maps(self, smoothing: Smoothing | None) -> list[tuple[Tensor, Tensor]]:
        """(K, N) maps of each tile at the valid texels before smoothing, and what it adds, in units of q_step."""
        decoded = []
        for tile in self.tiles:
            maps = tile.maps()
            steps = smoothing_steps(maps, smoothing, tile.synthesis.valid)
            decoded.append((tile.at_valid(maps), tile.at_valid(steps)))
        return decoded

    def _fit(self, decoded: list[tuple[Tensor, Tensor]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A (3T, K) and b (3T,) of least squares from decoded maps to the days, and the errors (N, 3T) that remain.

        The metric does not enter: it is one matrix for all texels, and then the solution does not depend on it.
        """
        maps = [(m + s).T.cpu().numpy() * np.float32(self.q_step) for m, s in decoded]
        fit = BasisFit(self._basis)
        for tile_maps, days in zip(maps, self.days, strict=True):
            fit.add(tile_maps, days)
        matrix, offset, _ = fit.fit()
        values = [m @ matrix.T.astype(np.float32) + offset.astype(np.float32) for m in maps]
        return matrix, offset, np.concatenate([v - days for v, days in zip(values, self.days, strict=True)])

    @torch.no_grad()
    def errors(self) -> np.ndarray:
        """(N, 3T) decoded minus original values of the valid texels as they are now."""
        return self._fit(self._maps(self.smoothing))[2]

    def _refit(self) -> float:
        """Fit A and b, take the metric's weights anew, and set the tiles' targets; returns the mean squared error."""
        self._weights_before = {"distortion": self.metric.state(), "perceptual": self.perceptual.state()}
        decoded = self._maps(self.smoothing)
        matrix, offset, errors = self._fit(decoded)
        self.metric.update_weights(errors)
        weighted = self.metric.matrix(self.n_done / self.config.n_sweeps) @ matrix
        # e = q_step A m + b - day, so that e' M e / q_step^2 = m' (A' M A) m - 2 m' (A' M (day - b) / q_step) + const
        in_maps = torch.from_numpy((matrix.T @ weighted).astype(np.float32)).to(self.device)
        to_target = (weighted / self.q_step).astype(np.float32)
        weights = self.perceptual.weights(errors, self.n_done)
        for index, (tile, days, (_, steps)) in enumerate(zip(self.tiles, self.days, decoded, strict=True)):
            target = (days - offset.astype(np.float32)) @ to_target
            # the steps of the smoothing count as they are now
            unsmoothed = torch.from_numpy(np.ascontiguousarray(target.T)).to(self.device) - in_maps @ steps
            tile.set_target(
                in_maps,
                unsmoothed,
                None if weights is None else weights[index],
                damped=self.config.equal_db or self._cautious,
            )
        return float(np.mean(errors.astype(np.float64) ** 2))

    def _measure_rate(self) -> tuple[Tensor, float]:
        """Costs of magnitudes over all tiles, and the estimate of all bits."""
        counts = torch.stack([count_classes(t.codes, t.sites, t.n_levels) for t in self.tiles]).sum(0)
        costs, bits = bits_and_rate(counts)
        return costs, bits + sum(side_bits(t.codes, t.sites) for t in self.tiles)

    def run(self, quiet: bool, on_sweep: Callable[[State], None] | None = None) -> RefinedLightmap:
        """Sweep as often as the configuration says; `on_sweep` gets the state after each."""
        config = self.config
        has_terms = config.equal_db or config.temporal_weight or config.ssim_weight or config.lpips_weight
        setback = SETBACK_OF_TERMS if has_terms else SETBACK
        mse = self._refit()
        costs, rate = self._measure_rate()
        if not self.history:
            self.history.append((rate, mse))
        n_tiles = len(self.tiles)
        with ProgressLine("refine", "tile", config.n_sweeps * n_tiles, self.n_done * n_tiles, quiet=quiet) as line:
            while self.n_done < config.n_sweeps:
                note = f"{rate / 8000:.1f} kB, {psnr_db(max(mse, 1e-9)):.2f} dB"
                before = self._snapshot()
                for number, tile in enumerate(self.tiles, 1):
                    slopes = {}
                    if config.context_gain:
                        slopes = context_slopes(tile.codes, tile.sites, tile.n_levels, costs, config.energy_floor)
                        slopes = {key: slope * config.context_gain for key, slope in slopes.items()}
                    tile.sweep(costs, slopes, config.rd_weight)
                    line.update(self.n_done * n_tiles + number, note=note)
                self._fit_centroids()
                self.n_done += 1
                mse = self._refit()
                costs, rate = self._measure_rate()
                if self._cost(rate, mse) > setback * min(self._cost(*point) for point in self.history):
                    self._restore(before)
                    mse = self._refit()
                    costs, rate = self._measure_rate()
                self.history.append((rate, mse))
                if on_sweep is not None:
                    on_sweep(self.state())
        return RefinedLightmap([t.bands() for t in self.tiles], self.tiles[0].centroids, self.smoothing, self.history)

    def _cost(self, rate: float, mse: float) -> float:
        """J in squared steps, of plain squared errors."""
        return mse / self.q_step**2 * sum(days.size for days in self.days) + self.config.rd_weight * rate

    def _snapshot(self) -> Snapshot:
        """Codes and centroids as they are; a sweep puts others in their place and leaves these alone."""
        return [(dict(tile.codes), tile.centroids) for tile in self.tiles]

    def _restore(self, snapshot: Snapshot) -> None:
        """Take a sweep back that made things worse, and go on in shorter steps.

        Components of one phase move together, each as if the others stood still. Where the columns of A are far from
        orthogonal they overshoot, and a sweep may raise J, or run away.
        """
        self._cautious = True
        for tile, (codes, centroids) in zip(self.tiles, snapshot, strict=True):
            tile.codes, tile.centroids = codes, centroids

    def _fit_centroids(self) -> None:
        """Reconstruction points of least D with all codes as they are, in 1/32 as the format stores them."""
        sums = np.zeros((2, 2))  # of magnitude 1 and of larger ones: weighted excess of the best values, and weight
        for tile in self.tiles:
            for key, codes in tile.codes.items():
                if key[0]:
                    magnitudes, weight = codes.abs(), tile.curvature[key]
                    excess = (tile.best_values(key) * codes.sign() - magnitudes) * weight
                    for kind, chosen in enumerate((magnitudes == 1, magnitudes > 1)):
                        sums[kind] += float((excess * chosen).sum()), float((weight * chosen).sum())
        one, more = np.clip(np.rint(32 * sums[:, 0] / np.maximum(sums[:, 1], 1e-9)), -16, 16) / 32
        for tile in self.tiles:
            tile.centroids = (float(one), float(more))

    def state(self) -> State:
        """All that the next sweep depends on, for a checkpoint; resuming repeats the last refit."""
        return {
            "n_done": self.n_done,
            "cautious": self._cautious,
            "codes": [{f"{level}/{o}": band.cpu() for (level, o), band in t.codes.items()} for t in self.tiles],
            "centroids": list(self.tiles[0].centroids),
            "history": [list(point) for point in self.history],
            **self._weights_before,
        }

    def resume(self, state: State) -> None:
        """Go on from a state of the same refinement.

        Raises:
            TrainingError: it is not one.
        """
        try:
            for tile, codes in zip(self.tiles, state["codes"], strict=True):
                for key in tile.codes:
                    band = codes[f"{key[0]}/{key[1]}"].to(self.device)
                    if band.shape != tile.codes[key].shape:
                        raise ValueError(f"band {key} of shape {list(band.shape)}")
                    tile.codes[key] = band
                tile.centroids = (float(state["centroids"][0]), float(state["centroids"][1]))
            self.history = [(float(rate), float(mse)) for rate, mse in state["history"]]
            self.metric.resume(state["distortion"])
            self.perceptual.resume(state["perceptual"])
            self.n_done, self._cautious = int(state["n_done"]), bool(state["cautious"])
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise TrainingError(f"checkpoint: expected the state of this refinement, found another: {error}") from error


def fingerprint(tiles: DayTiles, transform: TemporalTransform, q_step: float, config: RefineConfig) -> str:
    """Digest of everything that a refinement starts from."""
    digest = hashlib.sha256(repr((q_step, config)).encode())
    basis = transform.basis
    for array in (basis.matrix, basis.offset, basis.frame_weights, transform.skew_codes, *transform.classes):
        digest.update(np.ascontiguousarray(array).tobytes())
    for tile in tiles:
        digest.update(tile.days.tobytes())
    return digest.hexdigest()


@single_blas
def refine(
    tiles: DayTiles,
    transform: TemporalTransform,
    q_step: float,
    config: RefineConfig = PRESETS["fast"],
    *,
    device: str = "auto",
    quiet: bool = False,
    state: State | None = None,
    on_sweep: Callable[[State], None] | None = None,
) -> RefinedLightmap:
    """Refine the codes of one lightmap against distortion + rd_weight * rate; the temporal transform stays.

    Args:
        tiles: The whole lightmap; at least one tile has a valid texel.
        transform: The temporal transform.
        q_step: Width of a bin, as it is packed.
        config: How to refine.
        device: "auto", "cpu" or "cuda".
        quiet: No progress bar.
        state: To go on from; None starts afresh.
        on_sweep: Gets the state after each sweep (keep it for a later `state`).

    Returns:
        Codes for the encoder; the same input and seed give the same codes on one device, also through a state.

    Raises:
        TrainingError: the state is of another refinement, or the device has too little memory.
        ConfigError: a term or the device is not there.
    """
    where = pick_device(device)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # many small operations: with two busy cores a second thread makes it 6 times slower
    try:
        with torch.no_grad():
            refinement = Refinement(tiles, transform, q_step, config, where)
            if state is not None:
                refinement.resume(state)
            return refinement.run(quiet, on_sweep)
    except torch.OutOfMemoryError as error:
        raise TrainingError(f"refine: out of memory on {where}: lower --tile, or use --device cpu") from error
    finally:
        torch.set_num_threads(threads)
