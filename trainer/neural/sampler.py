"""Batches straight from one tensor: random valid texels, each with all of its times."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from todpack.frames import Day
from todpack.frames.digest import arrays_digest


class DaySampler:
    """Draws texels of a day; every draw depends on (seed, epoch) alone, so that a resumed run sees the same batches.

    Attributes:
        texels: (N,) int64 indices (row * W + column) of the valid texels.
        codes: (N, T, 3) uint8, their day.
        hours: (T,) float32.
        digest: Of texels, codes and hours.
    """

    def __init__(self, sequence: Day, device: torch.device, seed: int) -> None:
        n_frames = sequence.n_frames
        flat = np.flatnonzero(sequence.valid)
        codes = np.empty((len(flat), n_frames, 3), np.uint8)
        for t in range(n_frames):
            codes[:, t] = sequence.radiance[t].reshape(-1, 3)[flat]
        self.texels = torch.from_numpy(flat).to(device)
        self.codes = torch.from_numpy(codes).to(device)
        self.hours = torch.from_numpy(sequence.hours.astype(np.float32)).to(device)
        self.seed = seed
        self.digest = arrays_digest((flat, codes, sequence.hours))

    def steps_per_epoch(self, samples_per_epoch: int, batch_size: int) -> int:
        """Number of batches that an epoch of that many (texel, time) pairs takes."""
        return max(1, round(samples_per_epoch / (self.texels_per_batch(batch_size) * len(self.hours))))

    def texels_per_batch(self, batch_size: int) -> int:
        """Texels in a batch of `batch_size` (texel, time) pairs."""
        return max(1, batch_size // len(self.hours))

    def epoch(self, epoch: int, n_steps: int, batch_size: int) -> Iterator[Tensor]:
        """Positions into `texels` and `codes`, one (B,) int64 tensor per step."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        n_texels = self.texels_per_batch(batch_size)
        draws = torch.randint(0, len(self.texels), (n_steps, n_texels), generator=generator)
        yield from draws.to(self.texels.device)
