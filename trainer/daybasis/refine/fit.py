"""Refine a lightmap: descent over the codes, and a refit of the temporal matrix, in turns."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np
import torch
from tqdm import tqdm

from decompressor.daybasis.regions import Regions, turns_of_codes
from trainer.daybasis.affine import refit_affine
from trainer.daybasis.closed_form import TemporalTransform
from trainer.daybasis.refine.config import PRESETS, RefineConfig
from trainer.daybasis.refine.costs import bits_of_counts, context_gradient, count_classes, side_bits
from trainer.daybasis.refine.descent import TileDescent
from trainer.daybasis.refine.refined import RefinedLightmap
from trainer.daybasis.refine.start import component_gains, first_codes
from trainer.daybasis.single_blas import single_blas
from trainer.daybasis.tiles import Tile

Tensor = torch.Tensor


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
        turns, gains = turns_of_codes(found.skew_codes, n_components), component_gains(n_components, config.gain_spread)
        self.q_step, self.config, self.device = q_step, config, device
        self.tiles, self.days = [], []
        for tile, classes in zip(tiles, found.classes, strict=True):
            if tile.pyramid is not None:
                regions = Regions(classes, turns)
                codes = first_codes(tile, found.basis, gains, regions, q_step)
                self.tiles.append(TileDescent(tile.pyramid, regions, codes, device, config.seed))
                self.days.append(tile.days)
        self.history: list[tuple[float, float]] = []

    def refit(self) -> float:
        """Fit the matrix to the decoded maps and aim the tiles at it; returns the mean squared error."""
        texels = [t.texels().T.cpu().numpy() * np.float32(self.q_step) for t in self.tiles]
        decoded, days = np.concatenate(texels), np.concatenate(self.days)
        matrix, offset = refit_affine(decoded, days)
        metric = torch.from_numpy((matrix.T @ matrix).astype(np.float32)).to(self.device)
        for tile, values in zip(self.tiles, self.days, strict=True):
            target = (values - offset.astype(np.float32)) @ (matrix / self.q_step).astype(np.float32)
            tile.aim(metric, torch.from_numpy(np.ascontiguousarray(target.T)).to(self.device))
        error = decoded @ matrix.T.astype(np.float32) + offset.astype(np.float32) - days
        return float(np.mean(error.astype(np.float64) ** 2))

    def measure(self) -> tuple[Tensor, float]:
        """Costs of magnitudes over all tiles, and the estimate of all bits."""
        counts = torch.stack([count_classes(t.codes, t.sites, t.n_levels) for t in self.tiles]).sum(0)
        bits = bits_of_counts(counts)
        return bits, float((counts * bits).sum()) + sum(side_bits(t.codes, t.sites) for t in self.tiles)

    def run(self, quiet: bool) -> RefinedLightmap:
        """Sweep as often as the configuration says."""
        config = self.config
        mse = self.refit()
        bits, rate = self.measure()
        self.history.append((rate, mse))
        bar = tqdm(
            total=config.n_sweeps, unit="sweep", desc="refine", file=sys.stderr,
            disable=quiet or not sys.stderr.isatty(),
        )  # fmt: skip
        for _ in range(config.n_sweeps):
            for tile in self.tiles:
                slopes = {}
                if config.context_gain:
                    found = context_gradient(tile.codes, tile.sites, tile.n_levels, bits, config.energy_floor)
                    slopes = {key: slope * config.context_gain for key, slope in found.items()}
                tile.sweep(bits, slopes, config.rd_weight)
            self.fit_centroids()
            mse = self.refit()
            bits, rate = self.measure()
            self.history.append((rate, mse))
            bar.update(1)
            bar.set_postfix(rate=f"{rate / 8000:.1f} kB", psnr=f"{10 * math.log10(65025 / max(mse, 1e-9)):.2f} dB")
        bar.close()
        return RefinedLightmap([t.bands() for t in self.tiles], self.tiles[0].centroids, self.history)

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


@single_blas
def refine(
    tiles: Sequence[Tile],
    found: TemporalTransform,
    q_step: float,
    preset: str | RefineConfig = "fast",
    *,
    device: str = "auto",
    quiet: bool = False,
) -> RefinedLightmap:
    """Refine the codes of one lightmap against distortion + rd_weight * rate; the temporal transform stays.

    Args:
        tiles: Of the lightmap, at least one with a valid texel.
        found: From `find_transform`.
        q_step: Width of a bin, as it is packed.
        preset: "fast", "full" or a configuration.
        device: "auto", "cpu" or "cuda".
        quiet: No progress bar.

    Returns:
        Codes for `encode_lightmap(..., refined=...)`; the same input and seed give the same codes on one device.
    """
    config = PRESETS[preset] if isinstance(preset, str) else preset
    name = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # many small operations: with two busy cores a second thread makes it 6 times slower
    try:
        with torch.no_grad():
            return Refinement(tiles, found, q_step, config, torch.device(name)).run(quiet)
    finally:
        torch.set_num_threads(before)
