"""Weights that make an error cheaper to fix where SSIM and LPIPS respond to it.

Near the original, half the slope of such a measure acts as a weight w on the error e. The mean of w over a block of
texels and all times, w = sum(slope / 2 * e) / sum(e^2), makes the block's squared error count 1 + w times. The weights
of all blocks are scaled to a geometric mean of 1, so the rate goes where it is seen and stays what it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from todpack.packer.daybasis.tiles import Tile

from ..losses import RADIUS, load_lpips_loss, ssim
from .config import RefineConfig

Tensor = torch.Tensor

PEAK = 255.0
PATCH = 128
"""Side of the patches LPIPS is taken on; smaller ones at the borders, none under 31 texels."""
MIN_PATCH = 31
BLOCK = 16
"""Side of the blocks that have a weight."""
LARGEST = 4.0
"""Weights stay within 1 / this and this."""


class PerceptualTerm:
    """The optional terms of one lightmap.

    Args:
        config: Weights; with both 0 there are no slopes.
        tiles: With valid texels.
        device: Where to compute.
    """

    def __init__(self, config: RefineConfig, tiles: Sequence[Tile], device: torch.device) -> None:
        self._config, self._tiles, self._device = config, tiles, device
        self._lpips = load_lpips_loss("--loss-lpips-w", device) if config.lpips_weight else None
        self._kept: np.ndarray | None = None

    def weights(self, errors: np.ndarray, sweep: int) -> list[Tensor] | None:
        """Weights (h, w) of the texels of each tile; None without a term.

        Args:
            errors: (N, 3T) decoded minus original values of the valid texels of all tiles, in codes.
            sweep: Sweeps done.
        """
        config = self._config
        if config.lpips_weight and config.lpips_every and sweep % config.lpips_every == 0:
            self._kept = self._gradient(errors, sweep, self._lpips_of_frames) * np.float32(config.lpips_weight)
        slopes = self._kept
        if config.ssim_weight:
            ssim = self._gradient(errors, sweep, self._ssim_of_frames) * np.float32(config.ssim_weight)
            slopes = ssim if slopes is None else slopes + ssim
        if slopes is None:
            return None
        response = np.einsum("nt,nt->n", 0.5 * slopes, errors, dtype=np.float64)
        energy = np.einsum("nt,nt->n", errors, errors, dtype=np.float64)
        ends = np.cumsum([len(tile.days) for tile in self._tiles])[:-1]
        masks = [tile.pyramid.valid for tile in self._tiles if tile.pyramid is not None]
        pieces = zip(np.split(response, ends), np.split(energy, ends), masks, strict=True)
        logs = [_log_weights(*piece) for piece in pieces]
        mean = np.concatenate([log[valid] for log, valid in zip(logs, masks, strict=True)])
        bound = np.log(LARGEST)
        scaled = [np.exp(np.clip(log - mean.mean(), -bound, bound)).astype(np.float32) for log in logs]
        return [torch.from_numpy(weights).to(self._device) for weights in scaled]

    def _gradient(self, errors: np.ndarray, sweep: int, measure: Any) -> np.ndarray:
        """(N, 3T) slopes of a measure in the errors."""
        gradients = []
        ends = np.cumsum([len(tile.days) for tile in self._tiles])[:-1]
        for tile, tile_errors in zip(self._tiles, np.split(errors, ends), strict=True):
            assert tile.pyramid is not None
            days, valid = tile.days, tile.pyramid.valid
            slopes = np.empty_like(days)
            for t in range(days.shape[1] // 3):
                columns = slice(3 * t, 3 * t + 3)
                original = self._image(days[:, columns], valid)
                with torch.enable_grad():
                    decoded = self._image(days[:, columns] + tile_errors[:, columns], valid).requires_grad_()
                    loss = measure(decoded, original, torch.from_numpy(valid)[None].to(decoded), sweep)
                    # a mean over the frame, as the mean squared error over 255^2 is one
                    gradient = torch.autograd.grad(loss, decoded)[0] if loss.requires_grad else decoded * 0
                slopes[:, columns] = gradient[0, :, torch.from_numpy(valid)].T.cpu().numpy() * (3 * len(days) * PEAK)
            gradients.append(slopes)
        return np.concatenate(gradients)

    def _image(self, values: np.ndarray, valid: np.ndarray) -> Tensor:
        """(1, 3, h, w) in [0, 1]; 0 where no texel is valid, in both images alike."""
        image = np.zeros((*valid.shape, 3), np.float32)
        image[valid] = values / PEAK
        return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].to(self._device)

    def _ssim_of_frames(self, decoded: Tensor, original: Tensor, valid: Tensor, _sweep: int) -> Tensor:
        if min(decoded.shape[2:]) <= 2 * RADIUS:
            return decoded.new_zeros(())
        return 1 - ssim(original, decoded, valid)

    def _lpips_of_frames(self, decoded: Tensor, original: Tensor, _valid: Tensor, sweep: int) -> Tensor:
        """Mean over patches of a grid whose place changes from sweep to sweep."""
        assert self._lpips is not None
        rng = np.random.default_rng([self._config.seed, sweep])
        height, width = decoded.shape[2:]
        tops, lefts = (_cuts(side, int(rng.integers(PATCH))) for side in (height, width))
        total, area = decoded.new_zeros(()), 0
        for top, bottom in tops:
            for left, right in lefts:
                a, b = (image[:, :, top:bottom, left:right] * 2 - 1 for image in (decoded, original))
                size = (bottom - top) * (right - left)
                total, area = total + self._lpips.distance_tensor(a, b)[0] * size, area + size
        return total / max(area, 1)

    def state(self) -> Any:
        """What later slopes depend on."""
        return None if self._kept is None else torch.from_numpy(self._kept)

    def resume(self, state: Any) -> None:
        """Go on from a state."""
        self._kept = None if state is None else state.numpy()


def _cuts(side: int, shift: int) -> list[tuple[int, int]]:
    """Patches along one side; those that are too small go to their neighbor, or nowhere."""
    edges = [0, *range(shift, side, PATCH), side]
    cuts: list[tuple[int, int]] = []
    start = 0
    for edge in edges[1:]:
        if edge - start >= MIN_PATCH and (side - edge >= MIN_PATCH or edge == side):
            cuts.append((start, edge))
            start = edge
    return cuts


def _log_weights(response: np.ndarray, energy: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(h, w) logarithms of 1 + w of each texel's block."""
    height, width = valid.shape
    rows, columns = np.nonzero(valid)
    n_columns = -(-width // BLOCK)
    block = rows // BLOCK * n_columns + columns // BLOCK
    n_blocks = -(-height // BLOCK) * n_columns
    above, below = (np.bincount(block, values, n_blocks).reshape(-1, n_columns) for values in (response, energy))
    logs = np.log1p(np.maximum(above / np.maximum(below, 1e-9), 0.0))
    texels: np.ndarray = logs.repeat(BLOCK, 0).repeat(BLOCK, 1)[:height, :width]
    return texels
