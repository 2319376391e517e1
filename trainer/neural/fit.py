"""The epochs of a training by gradient descent: one cosine, the best weights, checkpoints, restarts if it diverges."""

from __future__ import annotations

import logging
import math
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from todpack.frames.psnr import psnr_db
from todpack.packer.neural_config import NeuralConfig
from todpack.packer.progress import ProgressLine
from todpack.packer.run_folder import BEST_NAME, CHECKPOINT_NAME

from ..checkpoint import MISFITS, check_identity, load_checkpoint, load_optimizer, save_checkpoint
from ..errors import TrainingError
from ..progress import EpochLog
from .sampler import DaySampler

log = logging.getLogger("todpack.train")

FINAL_LR_FRACTION = 0.01
MAX_DIVERGENCES = 3
MIN_GAIN = 1e-4  # relative gain in the loss that counts as "better" for early stopping


@dataclass
class FitState:
    """What a checkpoint holds beside the tensors; all of it is needed to continue the same schedule.

    Attributes:
        epoch: Epochs finished.
        best_loss: Lowest epoch loss so far.
        best_epoch: Its epoch, counted from 1.
        patience_loss: Loss that the next "better" epoch is measured against.
        patience_epoch: Epoch of that loss.
        divergences: Restarts after a loss that was not finite.
        seconds: Training time so far.
        qat_start: Epoch in which fine-tuning with fake quantization began; -1 before.
    """

    epoch: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0
    patience_loss: float = math.inf
    patience_epoch: int = 0
    divergences: int = 0
    seconds: float = 0.0
    qat_start: int = -1


@dataclass(frozen=True)
class Loss:
    """Loss of a step (tensors) or an epoch: `total`, which is minimized, and `mse`, of values with peak 1."""

    total: Any
    mse: Any


class Fit(ABC):
    """One run; `run()` trains to the end (or an early stop) and leaves the best weights in `model`.

    Attributes:
        family: In its checkpoints.
        config: The run's configuration.
        out_dir: Where its checkpoints and log.csv go.
        model: The module.
        sampler: Its batches.
        baseline: (H, W, 3) uint8 in residual mode.
        state: How far it is.
    """

    family: str
    config: NeuralConfig
    out_dir: Path
    model: Any
    sampler: DaySampler
    baseline: np.ndarray | None
    optimizer: torch.optim.Optimizer
    patience = 0
    columns: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.state = FitState()

    @abstractmethod
    def batches(self, epoch: int) -> Iterator[Any]:
        """The batches of an epoch; they depend on (seed, epoch) alone."""

    @abstractmethod
    def loss(self, batch: Any, epoch: int, step: int) -> Loss:
        """Loss of a batch."""

    @abstractmethod
    def rates(self, epoch: int, step: int) -> tuple[float, ...]:
        """Learning rates of the optimizer's groups; the first two go to log.csv, the second as `lr`."""

    def clipped(self) -> Iterator[torch.nn.Parameter]:
        """Parameters whose gradient is clipped."""
        yield from self.model.parameters()

    def measure(self, loss: Loss) -> tuple[float, tuple[str, ...]]:
        """What the best epoch has least of, and more columns of log.csv."""
        return loss.total, ()

    def identity(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to be continued."""
        return {
            **self.config.to_json(),
            "height": self.model.height,
            "width": self.model.width,
            "n_texels": len(self.sampler.texels),
            "code_sum": int(self.sampler.codes.sum(dtype=torch.int64)),
            "hours": [float(h) for h in self.sampler.hours],
            "frames": self.sampler.digest,
        }

    def checkpoint(self) -> dict[str, Any]:
        """All that is needed to go on."""
        return {
            "family": self.family,
            "identity": self.identity(),
            "state": vars(self.state).copy(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to a checkpoint; KeyError, TypeError, ValueError or RuntimeError where it is of another model."""
        self.model.load_state_dict(saved["model"])
        load_optimizer(self.optimizer, saved["optimizer"])
        self.state = self._state_of(saved["state"])

    def _state_of(self, saved: dict[str, Any]) -> FitState:
        state = FitState(**saved)
        for name, value in vars(state).items():
            expected = type(getattr(FitState, name))
            if type(value) not in {int, expected} or value != value:
                raise ValueError(f"state: {name}: expected a number ({expected.__name__}), found something else")
        for name, most in {
            "epoch": self.n_epochs,
            "divergences": MAX_DIVERGENCES,
            "seconds": sys.float_info.max,
        }.items():
            if not 0 <= getattr(state, name) <= most:
                raise ValueError(f"state: {name}: expected a number in 0..{most:g}, found another")
        return state

    @property
    def n_steps(self) -> int:
        """Steps of an epoch."""
        return self.sampler.steps_per_epoch(self.config.samples_per_epoch, self.config.batch_size)

    @property
    def n_epochs(self) -> int:
        """In all."""
        return self.config.epochs

    def schedule(self, progress: float) -> float:
        """Factor of the learning rates: a cosine from 1 to FINAL_LR_FRACTION, halved by each restart."""
        cosine = FINAL_LR_FRACTION + (1.0 - FINAL_LR_FRACTION) * 0.5 * (1.0 + math.cos(math.pi * progress))
        return cosine * 0.5**self.state.divergences

    def resume(self) -> None:
        """Continue from `last.ckpt`.

        Raises:
            TrainingError: no readable checkpoint, or one of another configuration or lightmap.
        """
        path = self.out_dir / CHECKPOINT_NAME
        saved = load_checkpoint(path)
        check_identity(path, saved, self.identity())
        self._go_back(saved)
        log.info("resumed after epoch %d of %d", self.state.epoch, self.config.epochs)

    def _go_back(self, saved: dict[str, Any]) -> None:
        try:
            self.restore(saved)
        except MISFITS as error:
            raise TrainingError(f"{self.out_dir / CHECKPOINT_NAME}: not a checkpoint of this model: {error}") from error

    def save(self, name: str = CHECKPOINT_NAME) -> None:
        """Write a checkpoint."""
        save_checkpoint(self.out_dir / name, self.checkpoint())

    def load_best(self) -> None:
        """Take the best weights so far."""
        path = self.out_dir / BEST_NAME
        try:
            self.model.load_state_dict(load_checkpoint(path)["model"])
        except MISFITS as error:
            raise TrainingError(f"{path}: not a checkpoint of this model: {error}") from error

    def run(self, quiet: bool = False) -> None:
        """Train to the end.

        Raises:
            TrainingError: the loss diverged too often.
        """
        csv_log = EpochLog(self.out_dir / "log.csv", self.state.epoch, self.columns)
        if self.state.epoch == 0:
            self.save()
        with ProgressLine("train", "epoch", self.n_epochs, self.state.epoch, quiet=quiet) as line:
            while self.goes_on():
                started = time.monotonic()
                loss = self.train_epoch(self.state.epoch)
                if not math.isfinite(loss.total):
                    self._recover()
                    continue
                self.state.epoch += 1
                self.state.seconds += time.monotonic() - started
                train_db = psnr_db(max(loss.mse, 1e-12), 1.0)
                first, second, *_ = (group["lr"] for group in self.optimizer.param_groups)
                measure, more = self.measure(loss)
                csv_log.append(self.state.epoch - 1, loss.total, train_db, second, first, self.state.seconds, more)
                self._keep_best(measure)
                self.save()
                line.update(self.state.epoch, note=f"loss {loss.total:.3e}, {train_db:.2f} dB")
        self.load_best()

    def goes_on(self) -> bool:
        """Whether there is an epoch to train."""
        return self.state.epoch < self.n_epochs and not self.is_stalled()

    def is_stalled(self) -> bool:
        """Whether patience is over."""
        stalled = 0 < self.patience <= self.state.epoch - self.state.patience_epoch
        if stalled:
            log.warning("stopped early: no better loss for %d epochs", self.patience)
        return stalled

    def train_epoch(self, epoch: int) -> Loss:
        """Mean losses of the epoch; not finite as soon as one step's is not."""
        total = torch.zeros((), dtype=torch.float64, device=self.sampler.codes.device)
        mse = torch.zeros_like(total)
        for step, batch in enumerate(self.batches(epoch)):
            for group, rate in zip(self.optimizer.param_groups, self.rates(epoch, step), strict=True):
                group["lr"] = rate
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.loss(batch, epoch, step)
            loss.total.backward()
            if self.config.grad_clip > 0.0:
                torch.nn.utils.clip_grad_norm_(list(self.clipped()), self.config.grad_clip)
            self.optimizer.step()
            total += loss.total.detach()
            mse += loss.mse.detach()
        return Loss(float(total) / self.n_steps, float(mse) / self.n_steps)

    def _keep_best(self, measure: float) -> None:
        state = self.state
        if measure < state.patience_loss * (1.0 - MIN_GAIN):
            state.patience_loss, state.patience_epoch = measure, state.epoch
        if measure < state.best_loss:
            state.best_loss, state.best_epoch = measure, state.epoch
            self.save(BEST_NAME)

    def _recover(self) -> None:
        """Back to the last good epoch with half the learning rate.

        Raises:
            TrainingError: it happened too often.
        """
        divergences, epoch = self.state.divergences + 1, self.state.epoch + 1
        if divergences > MAX_DIVERGENCES:
            raise TrainingError(f"epoch {epoch}: the loss is not finite after {MAX_DIVERGENCES} restarts; lower --lr")
        log.warning("epoch %d: the loss is not finite; again from the last epoch at half the learning rate", epoch)
        self._go_back(load_checkpoint(self.out_dir / CHECKPOINT_NAME))
        self.state.divergences = divergences
        self.save()
