"""What a step of the fit minimizes: the error of single texels, and where asked for, how patches look.

Patches alone would see too few places and times in a step: at equal work they lose more than 2 dB.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

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

TIMES_SEED = 500_009  # apart from the draws of texels
SMALLEST_TERM = 1e-8
PATCH_SHARE = 0.5  # (texel, time) pairs in the patches of a step, of those in its single texels


@dataclass(frozen=True)
class Batch:
    """One step: positions of texels, (B,) int64; of times, (T',) int64, None: all of them; and patches, if any."""

    rows: Tensor
    times: Tensor | None = None
    patches: PatchBatch | None = None


def temporal_l1(reference: Tensor, prediction: Tensor, step: int = 1) -> Tensor:
    """E |(I_t - I_t') - (G_t - G_t')| over neighbors along the axis of times.

    Args:
        reference: (N, T, 3), G; a baseline that both lack cancels.
        prediction: Same shape, I.
        step: 1: all neighbors; 2: the times are pairs (t, t'), one after the other.

    Returns:
        Scalar; 0 for a single time.
    """
    error = prediction - reference
    if error.shape[1] < 2:
        return error.new_zeros(())
    return (error[:, 1::step] - error[:, :-1:step]).abs().mean()


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
        n_times, in_all = self._config.times_per_step, len(self.sampler.hours)
        is_part = 0 < n_times < in_all
        texels = self.sampler.epoch(epoch, self.n_steps, size * in_all // n_times if is_part else size)
        times = self._draw_times(epoch, n_times) if is_part else repeat(None)
        patches: Iterator[PatchBatch | None] = repeat(None)
        if self._patches is not None:
            patches = self._patches.epoch(epoch, self.n_steps, int(size * PATCH_SHARE))
        yield from (Batch(*parts) for parts in zip(texels, times, patches, strict=False))

    def _draw_times(self, epoch: int, n_times: int) -> Iterator[Tensor]:
        """Some times for each step; where changes count, behind them neighbors of the first `_n_pairs`."""
        generator = torch.Generator().manual_seed(self.sampler.seed * 1_000_003 + epoch + TIMES_SEED)
        in_all = len(self.sampler.hours)
        for _ in range(self.n_steps):
            times = torch.randperm(in_all, generator=generator)[:n_times]
            if self._config.temporal_loss:
                some = times[: self._n_pairs]
                times = torch.cat([times, torch.where(some + 1 < in_all, some + 1, some - 1)])
            yield times.to(self.sampler.hours.device)

    @property
    def _n_pairs(self) -> int:
        return max(1, self._config.times_per_step // 4)

    def target(self, rows: Tensor, times: Tensor | None = None) -> Tensor:
        """(N, T, 3) in units of 255 codes: RGB, or RGB - baseline; at some positions in the day, or all."""
        codes = self.sampler.codes[rows].to(torch.float32) / 255.0
        below = self._baseline_index
        target = codes if below is None else codes - codes[:, below : below + 1]
        return target if times is None else target[:, times]

    def _weighed(self, weight: float, term: Tensor, mse: Tensor) -> Tensor:
        """A further loss as it counts: by its weight, or as that share of the squared error."""
        if self._config.relative_weights:
            return weight * (mse.detach() / term.detach().clamp(min=SMALLEST_TERM)) * term
        return weight * term

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
            hours = self.sampler.hours if batch.times is None else self.sampler.hours[batch.times]
            prediction = model(self.sampler.texels[batch.rows], hours)
        target = self.target(batch.rows, batch.times)
        drawn = slice(None) if batch.times is None else slice(config.times_per_step)  # neighbors count by changes alone
        mse = functional.mse_loss(prediction[:, drawn].float(), target[:, drawn])
        total = mse
        if config.temporal_loss:
            weight = warmed_up(config.temporal_w_start, config.temporal_w, progress)
            changes = self._changes(target, prediction.float(), batch.times)
            total = total + self._weighed(weight, changes, mse)
        if batch.patches is not None:
            with torch.autocast(device_type, dtype=torch.bfloat16, enabled=amp):
                shown = model(batch.patches.texels, self.sampler.hours[batch.patches.times])
            total = total + self._patch_loss(shown.float(), batch.patches, step, mse)
        return Loss(total, mse)

    def _changes(self, target: Tensor, prediction: Tensor, times: Tensor | None) -> Tensor:
        """`temporal_l1` of all neighbors, or of those that were drawn as such."""
        if times is None:
            return temporal_l1(target, prediction)
        first = torch.arange(self._n_pairs, device=times.device)
        pairs = torch.stack([first, first + self._config.times_per_step], dim=1).reshape(-1)
        return temporal_l1(target[:, pairs], prediction[:, pairs], 2)

    def _patch_loss(self, prediction: Tensor, batch: PatchBatch, step: int, mse: Tensor) -> Tensor:
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
            total = total + self._weighed(config.loss_ssim_w, 1.0 - ssim(original, shown, valid), mse)
        if self._lpips is not None and step % config.lpips_freq == 0:
            if config.loss_lpips_w > 0.0:
                pictures = (_large_enough(2.0 * images - 1.0) for images in (shown, original))
                distance = self._lpips.distance_tensor(*pictures).mean()
                total = total + self._weighed(config.loss_lpips_w, distance, mse)
            if config.temporal_lpips_w > 0.0 and n_times > 1:
                changes = (_large_enough(_images(v[:, 1::2] - v[:, ::2], side)) for v in (prediction, target))
                distance = self._lpips.distance_tensor(*changes).mean()
                total = total + self._weighed(config.temporal_lpips_w, distance, mse)
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
