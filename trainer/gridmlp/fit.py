"""The fit of GridMLP: its groups of parameters, hash grids alone first, and fake quantization last."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from todpack.frames import Day
from todpack.packer.gridmlp.config import GridMlpConfig

from ..neural.fit import Fit, Loss
from ..progress import VALIDATION_COLUMNS
from .baseline_encoder import masked_frame
from .export import start_from_arrays
from .model import GridMlp
from .objective import Batch, Objective
from .quantization import calibrate
from .validation import Validation, frames_of, held_frames

log = logging.getLogger("todpack.train")

QAT_LR_FRACTION = 0.1  # of the learning rates, where fine-tuning begins
SETTLED_SHARE = 0.25  # of the epochs, in which indices do not change any more
CHOOSING_STEPS = 8
HASH_LR_FACTOR = 2.0  # of the grids' learning rate


@dataclass(frozen=True)
class StartWeights:
    """Another run's arrays to start from, and its folder's name for messages."""

    arrays: dict[str, np.ndarray]
    where: str


class GridMlpFit(Fit):
    """One run."""

    family = "gridmlp"
    config: GridMlpConfig

    def __init__(
        self,
        day: Day,
        config: GridMlpConfig,
        out_dir: Path,
        device: torch.device,
        amp: bool,
        start: StartWeights | None = None,
    ) -> None:
        super().__init__()
        torch.manual_seed(config.seed)
        self.config, self.out_dir, self.amp, self.patience = config, out_dir, amp, config.patience
        held = held_frames(day, config)
        trained = frames_of(day, [t for t in range(day.n_frames) if t not in held]) if held else day
        baseline_index = trained.frame_at(config.baseline_time) if config.residual_mode else None
        self.baseline = None if baseline_index is None else trained.radiance[baseline_index].astype(np.uint8)
        self.objective = Objective(trained, config, device, baseline_index)
        self.sampler = self.objective.sampler
        encoded = None if self.baseline is None else masked_frame(self.baseline, day.valid)
        self.model = GridMlp(config, day.height, day.width, encoded).to(device)
        self._start_digest = 0.0
        if start is not None:
            start_from_arrays(self.model, start.arrays, start.where)
            self._start_digest = float(sum(np.abs(a).sum(dtype=np.float64) for a in start.arrays.values()))
        self._skips_main = config.qat and start is not None
        self._measured = (frames_of(day, held) if held else day, self.baseline, config.val_downsample, str(device))
        self.validation = Validation(*self._measured) if held else None
        self.columns = VALIDATION_COLUMNS if held else ()
        self._reset_optimizer()

    def _reset_optimizer(self) -> None:
        groups = [{"params": self.model.grid_parameters()}, {"params": self.model.mlp_parameters()}]
        if self.config.hash_top_levels:
            groups.append({"params": self.model.hash_parameters()})
        self.optimizer = torch.optim.Adam(groups, lr=self.config.lr, betas=(0.9, self.config.adam_beta2), eps=1e-10)

    def run(self, quiet: bool = False) -> None:
        """Train to the end, and find the grids' ranges where that is asked for."""
        super().run(quiet)
        if self.config.ptq != "off" and not self.config.qat:
            self.model.affines = self._calibrated(range(len(self.model.shapes)))

    def measure(self, loss: Loss) -> tuple[float, tuple[str, ...]]:
        """The error of held hours where there are some, else the loss."""
        if self.validation is None:
            return loss.total, ()
        held = self.validation.measure(self.model)
        lpips = "" if held.lpips is None else f"{held.lpips:.5f}"
        return held.mse, (f"{held.psnr_db:.4f}", f"{held.ssim:.5f}", lpips)

    @property
    def _n_main(self) -> int:
        """Epochs before fake quantization."""
        return 0 if self._skips_main else self.config.epochs

    @property
    def n_epochs(self) -> int:
        """In all, as far as it is known."""
        if not self.config.qat:
            return self._n_main
        return (self._n_main if self.state.qat_start < 0 else self.state.qat_start) + self.config.qat_epochs

    def goes_on(self) -> bool:
        """Whether there is an epoch to train; goes over to fake quantization when it is time."""
        is_over = self.state.epoch >= (self._n_main if self.state.qat_start < 0 else self.n_epochs)
        is_over = is_over or self.is_stalled()
        if is_over and self.config.qat and self.state.qat_start < 0:
            self._start_qat()
            return True
        return not is_over

    def _start_qat(self) -> None:
        """Find the ranges on the best weights so far and fine-tune from there; nothing before counts as best."""
        if self.state.epoch > 0:
            self.load_best()
        self.model.affines = self._calibrated(self.config.qat_levels or range(len(self.model.shapes)))
        self.model.mlp_dtype = self.config.qat_mlp
        self._reset_optimizer()
        state = self.state
        state.qat_start = state.patience_epoch = state.epoch
        state.best_loss = state.patience_loss = math.inf
        self.save()

    def _calibrated(self, levels: Iterable[int]) -> dict[int, torch.Tensor]:
        measured = self.validation or Validation(*self._measured)
        calibration = calibrate(self.model, levels, measured if self.config.ptq == "percentile" else None)
        log.info("ranges of the grids: %g %% of the values", calibration.percentile)
        return calibration.affines

    def schedule(self, progress: float) -> float:
        """Factor of the learning rates: a linear warm-up where there is one, then `Fit.schedule`."""
        warmup = self.config.warmup
        if progress < warmup:
            return super().schedule(0.0) * progress / warmup
        return super().schedule((progress - warmup) / (1.0 - warmup))

    def rates(self, epoch: int, step: int) -> tuple[float, ...]:
        """Learning rates of the grids, the MLP, and the hash grids where there are some."""
        config, start = self.config, self.state.qat_start
        begin, length, scale = (0, config.epochs, 1.0) if start < 0 else (start, config.qat_epochs, QAT_LR_FRACTION)
        factor = self.schedule((epoch - begin + step / self.n_steps) / length) * scale
        grids = config.effective_grid_lr * factor
        rates = (grids, config.lr * factor, config.hash_lr * factor or HASH_LR_FACTOR * grids)
        return rates[: len(self.optimizer.param_groups)]

    def clipped(self) -> Iterator[torch.nn.Parameter]:
        """The MLP's."""
        yield from self.model.mlp_parameters()

    def batches(self, epoch: int) -> Iterator[Batch]:
        """See `Objective.batches`."""
        return self.objective.batches(epoch)

    def train_epoch(self, epoch: int) -> Loss:
        """One epoch; of the first ones, the hash grids alone or dense grids in their place where that is asked for."""
        if self.model.probed_grids:
            self._enter_stage(epoch)
        elif self.config.hash_top_levels:
            alone = epoch < min(self.config.hash_epochs, self._n_main - 1)
            for parameter in self.model.parameters():
                parameter.requires_grad_(not alone)
            for level in self.model.hash_grids:
                level.requires_grad_(True)
        return super().train_epoch(epoch)

    def _enter_stage(self, epoch: int) -> None:
        """Dense grids first, then tables that are fitted to them, whose indices are settled for the last epochs."""
        n_dense, n_main, state = self.config.hash_dense_epochs, self._n_main, self.state
        settled = max(n_dense + 1, n_main - round(SETTLED_SHARE * n_main))
        if epoch == n_dense > 0:
            self.model.fit_tables()
        for level in self.model.probed_grids:
            is_settled = epoch >= settled or state.qat_start >= 0
            level.stage = "dense" if epoch < n_dense else "chosen" if is_settled else "choosing"
        if epoch == n_dense and state.qat_start < 0:  # what dense grids reached does not count
            state.best_loss = state.patience_loss = math.inf
            state.patience_epoch = epoch

    def is_stalled(self) -> bool:
        """Whether patience is over; not before the tables are there."""
        return self.state.epoch > self.config.hash_dense_epochs and super().is_stalled()

    def loss(self, batch: Batch, epoch: int, step: int) -> Loss:
        """See `Objective.loss`."""
        if step % CHOOSING_STEPS == 0:
            self.model.choose()
        progress = 1.0 if self.state.qat_start >= 0 else (epoch + step / self.n_steps) / self.config.epochs
        return self.objective.loss(self.model, batch, epoch * self.n_steps + step, progress, self.amp)

    def identity(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to be continued."""
        start = {"start": self._start_digest} if self._start_digest else {}
        return {**start, **super().identity(), "amp": self.amp}

    def checkpoint(self) -> dict[str, Any]:
        """All that is needed to go on."""
        affines = {str(level): affine.cpu() for level, affine in self.model.affines.items()}
        return {**super().checkpoint(), **({"affines": affines} if affines else {})}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to a checkpoint."""
        super().restore(saved)
        device = self.sampler.codes.device
        self.model.affines = self.model.stored_affines(saved, device)
        self.model.mlp_dtype = self.config.qat_mlp if self.state.qat_start >= 0 else "off"
