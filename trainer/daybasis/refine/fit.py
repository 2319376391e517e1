"""Refine a lightmap: descent over the codes, and a refit of the temporal matrix, in turns."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from todpack.decompressor.daybasis.transform.rotations import Regions, rotations_of_codes
from todpack.decompressor.daybasis.transform.smoothing import Smoothing
from todpack.packer.daybasis.affine import refit_affine
from todpack.packer.daybasis.refined import RefinedLightmap
from todpack.packer.daybasis.single_blas import single_blas
from todpack.packer.daybasis.tiles import Tile
from todpack.packer.daybasis.transform.closed_form import TemporalTransform

from ...device import pick_device
from ...errors import TrainingError
from .config import PRESETS, RefineConfig
from .costs import bits_of_counts, context_gradient, count_classes, side_bits
from .descent import TileDescent
from .distortion import Distortion
from .perceptual import PerceptualTerm
from .smoothing import SmoothingSteps
from .start import component_gains, first_codes

Tensor = torch.Tensor
State = dict[str, Any]

PROBED_BOUND = 0.16
"""Bound that tells whether smoothing suits the data, before the codes know of it (larger ones suit them later)."""


class Refinement:
    """All tiles of one lightmap; see `refine`."""

    def __init__(
        self,
        tiles: Sequence[Tile],
        found: TemporalTransform,
        q_step: float,
        config: RefineConfig,
        device: torch.device,
    ) -> None:
        n_components = found.basis.matrix.shape[1]
        turns = rotations_of_codes(found.skew_codes, n_components)
        self.q_step, self.config, self.device = q_step, config, device
        self.used: list[Tile] = [tile for tile in tiles if tile.pyramid is not None]
        self.tiles: list[TileDescent] = []
        regions = [Regions(c, turns) for c, tile in zip(found.classes, tiles, strict=True) if tile.pyramid is not None]
        pyramids = [tile.pyramid for tile in tiles if tile.pyramid is not None]

        def start(gains: np.ndarray) -> list[list[Any]]:
            return [first_codes(t, found.basis, gains, r, q_step) for t, r in zip(self.used, regions, strict=True)]

        gains = component_gains(start(np.ones(n_components)), [p.sites for p in pyramids], config.gain_spread)
        for pyramid, region, codes in zip(pyramids, regions, start(gains), strict=True):
            self.tiles.append(TileDescent(pyramid, region, codes, device, config.seed))
        self.distortion = Distortion(found.basis.frame_weights, config.temporal_weight, config.equal_db)
        self.perceptual = PerceptualTerm(config, self.used, device)
        self._before: State = {}
        self.history: list[tuple[float, float]] = []
        self.n_done = 0
        self.smoothing = self._useful(config.smoothing)

    def _useful(self, smoothing: Smoothing | None) -> Smoothing | None:
        """The smoothing, or none if it does not even help the first codes."""
        if smoothing is None:
            return None
        probe = Smoothing(PROBED_BOUND, smoothing.weights)
        plain, smoothed = (self._fit_matrix(self._maps(s))[2] for s in (None, probe))
        return smoothing if np.mean(smoothed**2) < np.mean(plain**2) else None

    def _maps(self, smoothing: Smoothing | None) -> list[tuple[Tensor, Tensor]]:
        """(K, N) maps of each tile at the valid texels before smoothing, and what it adds, in units of q_step."""
        found = []
        for tile in self.tiles:
            maps = tile.synthesis.maps(tile.common())
            steps = SmoothingSteps(smoothing, tile.synthesis.valid).of(maps)
            found.append((tile.at_valid(maps), tile.at_valid(steps)))
        return found

    def _fit_matrix(self, maps: list[tuple[Tensor, Tensor]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Best matrix (3T, K) and offset (3T,) for decoded maps, and the errors (N, 3T) that remain."""
        decoded = np.concatenate([(m + s).T.cpu().numpy() for m, s in maps]) * np.float32(self.q_step)
        days = np.concatenate([tile.days for tile in self.used])
        matrix, offset = refit_affine(decoded, days)
        return matrix, offset, decoded @ matrix.T.astype(np.float32) + offset.astype(np.float32) - days

    def refit(self) -> float:
        """Fit the matrix to the decoded maps and aim the tiles at it; returns the mean squared error."""
        self._before = {"distortion": self.distortion.state(), "perceptual": self.perceptual.state()}
        maps = self._maps(self.smoothing)
        matrix, offset, errors = self._fit_matrix(maps)
        self.distortion.follow(errors)
        form = self.distortion.matrix(self.n_done / self.config.n_sweeps)
        # with M the form and e the error, e' M e in the maps is m' (A' M A) m - 2 t' m, A' M (day - offset) = t
        weighted = form @ matrix
        metric = torch.from_numpy((matrix.T @ weighted).astype(np.float32)).to(self.device)
        wanted = (weighted / self.q_step).astype(np.float32)
        weights = self.perceptual.weights(errors, self.n_done)
        for index, (tile, source, (_, steps)) in enumerate(zip(self.tiles, self.used, maps, strict=True)):
            target = (source.days - offset.astype(np.float32)) @ wanted
            # the smoothing's steps count as they are now
            aimed = torch.from_numpy(np.ascontiguousarray(target.T)).to(self.device) - metric @ steps
            tile.aim(metric, aimed, None if weights is None else weights[index], self.config.equal_db)
        return float(np.mean(errors.astype(np.float64) ** 2))

    def measure(self) -> tuple[Tensor, float]:
        """Costs of magnitudes over all tiles, and the estimate of all bits."""
        counts = torch.stack([count_classes(t.codes, t.sites, t.n_levels) for t in self.tiles]).sum(0)
        bits = bits_of_counts(counts)
        return bits, float((counts * bits).sum()) + sum(side_bits(t.codes, t.sites) for t in self.tiles)

    def run(self, quiet: bool, on_sweep: Callable[[State], None] | None = None) -> RefinedLightmap:
        """Sweep as often as the configuration says; `on_sweep` gets the state after each."""
        config = self.config
        mse = self.refit()
        bits, rate = self.measure()
        if not self.history:
            self.history.append((rate, mse))
        bar = tqdm(
            total=config.n_sweeps * len(self.tiles), initial=self.n_done * len(self.tiles), unit="tile",
            desc="refine", file=sys.stderr, disable=quiet or not sys.stderr.isatty(),
        )  # fmt: skip
        while self.n_done < config.n_sweeps:
            bar.set_postfix(rate=f"{rate / 8000:.1f} kB", psnr=f"{10 * math.log10(65025 / max(mse, 1e-9)):.2f} dB")
            for tile in self.tiles:
                slopes = {}
                if config.context_gain:
                    found = context_gradient(tile.codes, tile.sites, tile.n_levels, bits, config.energy_floor)
                    slopes = {key: slope * config.context_gain for key, slope in found.items()}
                tile.sweep(bits, slopes, config.rd_weight)
                bar.update(1)
            self.fit_centroids()
            self.n_done += 1
            mse = self.refit()
            bits, rate = self.measure()
            self.history.append((rate, mse))
            if on_sweep is not None:
                on_sweep(self.state())
        bar.close()
        return RefinedLightmap([t.bands() for t in self.tiles], self.tiles[0].centroids, self.smoothing, self.history)

    def fit_centroids(self) -> None:
        """Reconstruction points of least true error, given all codes, in 1/32 as the format stores them."""
        sums = np.zeros((2, 2))
        for tile in self.tiles:
            for key, codes in tile.codes.items():
                if key[0]:
                    magnitudes, weight = codes.abs(), tile.curvature[key]
                    excess = (tile.wanted(key) * codes.sign() - magnitudes) * weight
                    for kind, chosen in enumerate((magnitudes == 1, magnitudes > 1)):
                        sums[kind] += float((excess * chosen).sum()), float((weight * chosen).sum())
        one, more = np.clip(np.rint(32 * sums[:, 0] / np.maximum(sums[:, 1], 1e-9)), -16, 16) / 32
        for tile in self.tiles:
            tile.centroids = (float(one), float(more))

    def state(self) -> State:
        """All that the next sweep depends on, for a checkpoint: as before the last `refit`, which resuming repeats."""
        return {
            "n_done": self.n_done,
            "codes": [{f"{level}/{o}": band.cpu() for (level, o), band in t.codes.items()} for t in self.tiles],
            "centroids": list(self.tiles[0].centroids),
            "history": [list(point) for point in self.history],
            **self._before,
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
            self.distortion.resume(state["distortion"])
            self.perceptual.resume(state["perceptual"])
            self.n_done = int(state["n_done"])
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise TrainingError(f"checkpoint: expected the state of this refinement, found another: {error}") from error


def fingerprint(tiles: Sequence[Tile], found: TemporalTransform, q_step: float, config: RefineConfig) -> str:
    """Digest of everything that a refinement starts from."""
    digest = hashlib.sha256(repr((q_step, config)).encode())
    for array in (found.basis.matrix, found.basis.offset, found.basis.frame_weights, found.skew_codes, *found.classes):
        digest.update(np.ascontiguousarray(array).tobytes())
    for tile in tiles:
        digest.update(tile.days.tobytes())
    return digest.hexdigest()


@single_blas
def refine(
    tiles: Sequence[Tile],
    found: TemporalTransform,
    q_step: float,
    preset: str | RefineConfig = "fast",
    *,
    device: str = "auto",
    quiet: bool = False,
    state: State | None = None,
    on_sweep: Callable[[State], None] | None = None,
) -> RefinedLightmap:
    """Refine the codes of one lightmap against distortion + rd_weight * rate; the temporal transform stays.

    Args:
        tiles: Of the lightmap, at least one with a valid texel.
        found: From `find_transform`.
        q_step: Width of a bin, as it is packed.
        preset: "fast", "full" or a configuration.
        device: "auto", "cpu" or "cuda".
        quiet: No progress bar.
        state: To go on from; None starts afresh.
        on_sweep: Gets the state after each sweep (keep it for a later `state`).

    Returns:
        Codes for `encode_lightmap(..., refined=...)`; the same input and seed give the same codes on one device, also
        through a state.

    Raises:
        TrainingError: the state is of another refinement, or the device has too little memory.
        ConfigError: a term or the device is not there.
    """
    config = PRESETS[preset] if isinstance(preset, str) else preset
    where = pick_device(device)
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # many small operations: with two busy cores a second thread makes it 6 times slower
    try:
        with torch.no_grad():
            refinement = Refinement(tiles, found, q_step, config, where)
            if state is not None:
                refinement.resume(state)
            return refinement.run(quiet, on_sweep)
    except torch.OutOfMemoryError as error:
        raise TrainingError(f"refine: out of memory on {where}: lower --tile, or use --device cpu") from error
    finally:
        torch.set_num_threads(before)
