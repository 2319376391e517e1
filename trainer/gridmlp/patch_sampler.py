"""Batches of square patches at pairs of adjacent times, for losses that look at neighborhoods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from todpack.frames import Day

N_PAIRS = 3  # of adjacent times in a batch: more patches beat more times
MIN_VALID = 0.5  # share of a patch that must be valid, where the lightmap has such patches at all


@dataclass(frozen=True)
class PatchBatch:
    """Some patches at some times.

    Attributes:
        texels: (B P P,) int64, row * W + column, patch by patch; beyond the border the nearest texel.
        valid: (B P P,) bool; false beyond the border.
        times: (T',) int64 positions in the day: pairs of neighbors (one time alone where the day has one).
    """

    texels: Tensor
    valid: Tensor
    times: Tensor


class PatchSampler:
    """Draws patches of a day; every draw depends on (seed, epoch) alone.

    Attributes:
        codes: (H W, T, 3) uint8, all texels.
    """

    def __init__(self, sequence: Day, device: torch.device, seed: int, side: int) -> None:
        self.side, self.seed, self._device = side, seed, device
        self._height, self._width, self._n_times = sequence.height, sequence.width, sequence.n_frames
        codes = sequence.radiance.astype(np.uint8).reshape(self._n_times, -1, 3).transpose(1, 0, 2)
        self.codes = torch.from_numpy(np.ascontiguousarray(codes)).to(device)
        self._valid = torch.from_numpy(sequence.valid.reshape(-1)).to(device)
        # half a patch may lie beyond the border, or texels there would be drawn far less often
        half = side // 2
        padded = functional.pad(torch.from_numpy(sequence.valid.astype(np.float32))[None, None], (half,) * 4)
        share = functional.avg_pool2d(padded, side, stride=1)[0, 0]
        wanted = min(MIN_VALID, float(share.max()))
        self._tops_lefts = torch.nonzero(share >= wanted) - half

    @property
    def _n_chosen(self) -> int:
        return min(N_PAIRS, self._n_times // 2) * 2 or 1

    def patches_per_batch(self, batch_size: int) -> int:
        """Patches in a batch of `batch_size` (texel, time) pairs."""
        return max(1, batch_size // (self.side**2 * self._n_chosen))

    def epoch(self, epoch: int, n_steps: int, batch_size: int) -> Iterator[PatchBatch]:
        """The batches of an epoch."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        n_patches, offsets = self.patches_per_batch(batch_size), torch.arange(self.side)
        for _ in range(n_steps):
            at = self._tops_lefts[torch.randint(0, len(self._tops_lefts), (n_patches,), generator=generator)]
            rows, columns = at[:, :1] + offsets, at[:, 1:] + offsets
            inside_rows = (rows >= 0) & (rows < self._height)
            inside_columns = (columns >= 0) & (columns < self._width)
            rows, columns = rows.clamp(0, self._height - 1), columns.clamp(0, self._width - 1)
            texels = (rows[:, :, None] * self._width + columns[:, None, :]).reshape(-1).to(self._device)
            inside = (inside_rows[:, :, None] & inside_columns[:, None, :]).reshape(-1).to(self._device)
            yield PatchBatch(texels, self._valid[texels] & inside, self._draw_times(generator).to(self._device))

    def _draw_times(self, generator: torch.Generator) -> Tensor:
        if self._n_times == 1:
            return torch.zeros(1, dtype=torch.int64)
        first = torch.randperm(self._n_times - 1, generator=generator)[: self._n_chosen // 2]
        return torch.stack([first, first + 1], dim=1).reshape(-1)
