"""The fit of SIREN: F1 and F2 together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from todpack.frames import Day
from todpack.packer.siren.config import SirenConfig

from ..neural.fit import Fit, Loss
from ..neural.sampler import DaySampler
from .model import Siren


def stored_baseline(frame: np.ndarray, q_step: int) -> np.ndarray:
    """(H, W, 3) uint8: the baseline as an archive gives it back, FORMAT.md "Planes"."""
    stored: np.ndarray = np.clip(np.rint(frame.astype(np.float64) / q_step) * q_step, 0, 255).astype(np.uint8)
    return stored


class SirenFit(Fit):
    """One run."""

    family = "siren"
    config: SirenConfig

    def __init__(self, day: Day, config: SirenConfig, out_dir: Path, device: torch.device) -> None:
        super().__init__()
        torch.manual_seed(config.seed)
        self.config, self.out_dir, self.baseline = config, out_dir, None
        self.sampler = DaySampler(day, device, config.seed)
        self._below: Tensor | None = None
        if config.residual_mode:
            self.baseline = stored_baseline(day.radiance[day.frame_at(config.baseline_time)], config.baseline_q_step)
            self._below = torch.from_numpy(self.baseline.reshape(-1, 3)[np.flatnonzero(day.valid)]).to(device)
        self.model = Siren(config, day.height, day.width).to(device)
        groups = [{"params": list(self.model.f1.parameters())}, {"params": list(self.model.f2.parameters())}]
        self.optimizer = torch.optim.Adam(groups, lr=config.lr)

    def batches(self, epoch: int) -> Iterator[Tensor]:
        """See `DaySampler.epoch`."""
        return self.sampler.epoch(epoch, self.n_steps, self.config.batch_size)

    def rates(self, epoch: int, step: int) -> tuple[float, ...]:
        """Of F1 and F2."""
        factor = self.schedule((epoch + step / self.n_steps) / self.config.epochs)
        return (self.config.lr_f1 or self.config.lr) * factor, self.config.lr * factor

    def loss(self, batch: Tensor, epoch: int, step: int) -> Loss:
        """Mean squared error of the batch's texels at all times."""
        target = self.sampler.codes[batch].to(torch.float32)
        if self._below is not None:
            target = target - self._below[batch][:, None].to(torch.float32)
        mse = functional.mse_loss(self.model(self.sampler.texels[batch], self.sampler.hours), target / 255.0)
        return Loss(mse, mse)
