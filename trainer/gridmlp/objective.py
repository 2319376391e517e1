"""What a step of the fit minimizes: the error of single texels, and where asked for, how patches look.

Patches alone would see too few places and times in a step: at equal work they lose more than 2 dB.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from todpack.eval.measures.perceptual import MIN_SIDE, Lpips
from todpack.frames import Day
from todpack.packer.gridmlp.config import GridMlpConfig

from ..losses import load_lpips_loss, ssim
from ..neural.fit import Loss
from ..neural.sampler import DaySampler
from .model import GridMlp
from .patch_sampler import PatchBatch, PatchSampler

PATCH_SHARE = 0.5  # (texel, time) pairs in the patches of a step, of those in its single texels


@dataclass(frozen=True)
class Batch:
    """One step: positions of texels, (B,) int64, each with all of its times; and patches, if any."""

    rows: Tensor
    patches: PatchBatch | None = None


def temporal_l1(reference: Tensor, prediction: Tensor) -> Tensor:
    """E |(I_t - I_t') - (G_t - G_t')| over neighbors along the axis of times.

    Args:
        reference: (N, T, 3), G; a baseline that both lack cancels.
        prediction: Same shape, I.

    Returns:
        Scalar; 0 for a single time.
    """
    error = prediction - reference
    if error.shape[1] < 2:
        return error.new_zeros(())
    return (error[:, 1:] - error[:, :-1]).abs().mean()


def warmed_up(start: float, end: float, progress: float) -> float:
    """Weight at `progress` (0..1 of the training): linear from `start` to `end` over the first half, then `end`."""
    return start + (end - start) * min(1.0, 2.0 * progress)


def _lpips(config: GridMlpConfig, device: torch.device) -> Lpips | None:
    if config.lpips_freq == 0 or (config.loss_lpips_w == 0.0 and config.temporal_lpips_w == 0.0):
        return None
    return load_lpips_loss("--loss-lpips-w" if config.loss_lpips_w else "--temporal-lpips-w", device)


class Objective:
    """The batches of a run and their loss."""

    def __init__(self, sequence: Day, config: GridMlpConfig, device: torch.device, baseline_index: int | None) -> None:
        """Hold the day on the device.

        Raises:
            ConfigError: a loss needs the weights of LPIPS, and they are absent.
        """
        self._config, self._baseline_index = config, baseline_index
        self.sampler = DaySampler(sequence, device, config.seed)
        self._patches = PatchSampler(sequence, device, config.seed, config.patch_size) if config.patch_size else None
        self._lpips = _lpips(config, device)
        self.n_steps = self.sampler.steps_per_epoch(config.samples_per_epoch, config.batch_size)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch; they depend on (seed, epoch) alone."""
        size = self._config.batch_size
        texels = self.sampler.epoch(epoch, self.n_steps, size)
        if self._patches is None:
            yield from (Batch(rows) for rows in texels)
            return
        patches = self._patches.epoch(epoch, self.n_steps, int(size * PATCH_SHARE))
        yield from (Batch(rows, patch) for rows, patch in zip(texels, patches, strict=True))

    def target(self, rows: Tensor) -> Tensor:
        """(N, T, 3) in units of 255 codes: RGB, or RGB - baseline."""
        codes = self.sampler.codes[rows].to(torch.float32) / 255.0
        below = self._baseline_index
        return codes if below is None else codes - codes[:, below : below + 1]

    def loss(self, model: GridMlp, batch: Batch, step: int, progress: float, amp: bool) -> Loss:
        """Loss of a batch.

        Args:
            model: The model.
            batch: From `batches`.
            step: Counted over the whole run, for losses that are not taken every time.
            progress: Share of the training done, 0..1.
            amp: bfloat16 autocast of the forward pass.
        """
        config, device_type = self._config, self.sampler.texels.device.type
        with torch.autocast(device_type, dtype=torch.bfloat16, enabled=amp):
            prediction = model(self.sampler.texels[batch.rows], self.sampler.hours)
        target = self.target(batch.rows)
        mse = functional.mse_loss(prediction.float(), target)
        total = mse
        if config.temporal_loss:
            weight = warmed_up(config.temporal_w_start, config.temporal_w, progress)
            total = total + weight * temporal_l1(target, prediction.float())
        if batch.patches is not None:
            with torch.autocast(device_type, dtype=torch.bfloat16, enabled=amp):
                shown = model(batch.patches.texels, self.sampler.hours[batch.patches.times])
            total = total + self._patch_loss(shown.float(), batch.patches, step)
        return Loss(total, mse)

    def _patch_loss(self, prediction: Tensor, batch: PatchBatch, step: int) -> Tensor:
        assert self._patches is not None
        config, side, n_times = self._config, self._patches.side, len(batch.times)
        codes = self._patches.codes[batch.texels].to(torch.float32) / 255.0
        target = codes[:, batch.times]
        if self._baseline_index is not None:
            prediction = prediction + codes[:, self._baseline_index : self._baseline_index + 1]
        prediction = torch.where(batch.valid[:, None, None], prediction, target)
        shown, original = _images(prediction, side), _images(target, side)
        total = prediction.new_zeros(())
        if config.loss_ssim_w > 0.0:
            valid = batch.valid.reshape(-1, side, side).to(torch.float32).repeat(n_times, 1, 1)
            total = total + config.loss_ssim_w * (1.0 - ssim(original, shown, valid))
        if self._lpips is not None and step % config.lpips_freq == 0:
            if config.loss_lpips_w > 0.0:
                pictures = (_large_enough(2.0 * images - 1.0) for images in (shown, original))
                distance = self._lpips.distance_tensor(*pictures).mean()
                total = total + config.loss_lpips_w * distance
            if config.temporal_lpips_w > 0.0 and n_times > 1:
                changes = (_large_enough(_images(v[:, 1::2] - v[:, ::2], side)) for v in (prediction, target))
                total = total + config.temporal_lpips_w * self._lpips.distance_tensor(*changes).mean()
        return total


def _large_enough(images: Tensor) -> Tensor:
    """(B, 3, P, P) with the edges repeated on all sides up to what LPIPS takes."""
    missing = max(0, MIN_SIDE - images.shape[-1])
    before, after = missing // 2, missing - missing // 2
    return functional.pad(images, (before, after, before, after), mode="replicate") if missing else images


def _images(values: Tensor, side: int) -> Tensor:
    """(B P P, T', 3) texels of patches -> (T' B, 3, P, P) images."""
    images = values.reshape(-1, side, side, values.shape[1], 3).permute(3, 0, 4, 1, 2)
    return images.reshape(-1, 3, side, side)
