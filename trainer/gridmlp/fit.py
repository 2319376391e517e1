"""The fit loop of GridMLP: learning rates, one cosine, fine-tuning with fake quantisation, restart if it diverges."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from todpack.frames import Day
from todpack.frames.psnr import psnr_db
from todpack.packer.progress import ProgressLine

from ..checkpoint import check_identity, load_checkpoint, save_checkpoint
from ..errors import TrainingError
from ..progress import VALIDATION_COLUMNS, EpochLog
from .baseline_encoder import masked_frame
from .calibration import calibrate
from .config import GridMlpConfig
from .export import start_from_arrays
from .fit_state import FitState
from .model import GridMlp
from .objective import Objective
from .validation import Validation, ValidationFigures, frames_of, held_frames

log = logging.getLogger("todpack.train")

FINAL_LR_FRACTION = 0.01
MAX_DIVERGENCES = 3
QAT_LR_FRACTION = 0.1  # of the learning rates, where fine-tuning begins
HASH_LR_FACTOR = 2.0  # of the grids' learning rate
MIN_GAIN = 1e-4  # relative gain in the loss that counts as "better" for early stopping


@dataclass(frozen=True)
class StartWeights:
    """Another run's arrays to start from, and its folder's name for messages."""

    arrays: dict[str, np.ndarray]
    where: str


class GridMlpFit:
    """One run; `run()` trains to the end (or early stop) and leaves the best weights in `model`."""

    def __init__(
        self,
        sequence: Day,
        config: GridMlpConfig,
        out_dir: Path,
        device: torch.device,
        amp: bool,
        start: StartWeights | None = None,
    ) -> None:
        torch.manual_seed(config.seed)
        self.config, self.out_dir, self.device, self.amp = config, out_dir, device, amp
        held = held_frames(sequence, config)
        trained = frames_of(sequence, [t for t in range(sequence.n_frames) if t not in held]) if held else sequence
        baseline_index = trained.frame_at(config.baseline_time) if config.residual_mode else None
        self.baseline = None if baseline_index is None else trained.radiance[baseline_index].astype(np.uint8)
        self.objective = Objective(trained, config, device, baseline_index)
        encoded = None if self.baseline is None else masked_frame(self.baseline, sequence.valid)
        self.model = GridMlp(config, sequence.height, sequence.width, encoded).to(device)
        self._start_digest = 0.0
        if start is not None:
            start_from_arrays(self.model, start.arrays, start.where)
            self._start_digest = float(sum(np.abs(a).sum(dtype=np.float64) for a in start.arrays.values()))
        self._skips_main = config.qat and start is not None
        measured = frames_of(sequence, held) if held else sequence
        self._measured = (measured, self.baseline, config.val_downsample, str(device))
        self.validation = Validation(*self._measured) if held else None
        self._reset_optimizer()
        self.state = FitState()
        self._mse: float | None = None

    def _reset_optimizer(self) -> None:
        groups = [{"params": list(self.model.grids)}, {"params": self.model.mlp_parameters()}]
        if self.config.hash_top_levels:
            groups.append({"params": self.model.hash_parameters()})
        self.optimizer = torch.optim.Adam(groups, lr=self.config.lr, eps=1e-10)

    def resume(self) -> None:
        """Continue from `last.ckpt`.

        Raises:
            TrainingError: no readable checkpoint, or one of another configuration or lightmap.
        """
        path = self.out_dir / "last.ckpt"
        saved = load_checkpoint(path)
        check_identity(path, saved, self._identity())
        self._restore(saved)
        log.info("resumed after epoch %d of %d", self.state.epoch, self.config.epochs)

    def run(self, quiet: bool = False) -> None:
        """Train to the end.

        Raises:
            TrainingError: the loss diverged too often.
        """
        extra = VALIDATION_COLUMNS if self.validation is not None else ()
        csv_log = EpochLog(self.out_dir / "log.csv", self.state.epoch, extra)
        if self.state.epoch == 0:
            self._save("last.ckpt")
        with ProgressLine("train", "epoch", self._n_epochs, self.state.epoch, quiet=quiet) as line:
            while self._goes_on():
                started = time.monotonic()
                self._mse = None
                loss = self._train_epoch(self.state.epoch)
                if not math.isfinite(loss):
                    self._recover()
                    continue
                state = self.state
                state.epoch += 1
                state.seconds += time.monotonic() - started
                train_db = psnr_db(max(loss if self._mse is None else self._mse, 1e-12), 1.0)
                lr, grid_lr = self.optimizer.param_groups[1]["lr"], self.optimizer.param_groups[0]["lr"]
                held = self.validation.measure(self.model) if self.validation is not None else None
                csv_log.append(state.epoch - 1, loss, train_db, lr, grid_lr, state.seconds, _columns(held))
                self._keep_best(loss if held is None else held.mse)
                self._save("last.ckpt")
                line.update(state.epoch, note=f"loss {loss:.3e}, {train_db:.2f} dB")
        best = load_checkpoint(self.out_dir / "best.ckpt")
        self.model.load_state_dict(best["model"])
        if self.config.ptq != "off" and not self.config.qat:
            self.model.affines = self._calibrated(range(len(self.model.shapes)))

    def _keep_best(self, measure: float) -> None:
        """Compare the epoch's loss, or the error of held hours where there are some, with the best so far."""
        state = self.state
        if measure < state.patience_loss * (1.0 - MIN_GAIN):
            state.patience_loss, state.patience_epoch = measure, state.epoch
        if measure < state.best_loss:
            state.best_loss, state.best_epoch = measure, state.epoch
            self._save("best.ckpt")

    @property
    def _n_main(self) -> int:
        """Epochs before fake quantisation."""
        return 0 if self._skips_main else self.config.epochs

    @property
    def _n_epochs(self) -> int:
        if not self.config.qat:
            return self._n_main
        return (self._n_main if self.state.qat_start < 0 else self.state.qat_start) + self.config.qat_epochs

    def _goes_on(self) -> bool:
        """Whether there is an epoch to train; goes over to fake quantisation when it is time."""
        is_over = self.state.epoch >= (self._n_main if self.state.qat_start < 0 else self._n_epochs)
        is_over = is_over or self._is_stalled()
        if is_over and self.config.qat and self.state.qat_start < 0:
            self._start_qat()
            return True
        return not is_over

    def _is_stalled(self) -> bool:
        stalled = 0 < self.config.patience <= self.state.epoch - self.state.patience_epoch
        if stalled:
            log.warning("stopped early: no better loss for %d epochs", self.config.patience)
        return stalled

    def _start_qat(self) -> None:
        """Find the ranges on the best weights so far and fine-tune from there; nothing before counts as best."""
        if self.state.epoch > 0:
            self.model.load_state_dict(load_checkpoint(self.out_dir / "best.ckpt")["model"])
        self.model.affines = self._calibrated(self.config.qat_levels or range(len(self.model.shapes)))
        self.model.mlp_dtype = self.config.qat_mlp
        self._reset_optimizer()
        state = self.state
        state.qat_start = state.patience_epoch = state.epoch
        state.best_loss = state.patience_loss = math.inf
        self._save("last.ckpt")

    def _calibrated(self, levels: Iterable[int]) -> dict[int, torch.Tensor]:
        measured = self.validation or Validation(*self._measured)
        by_percentile = self.config.ptq == "percentile"
        found = calibrate(self.model, levels, measured if by_percentile else None)
        log.info("ranges of the grids: %g %% of the values", found.percentile)
        return found.affines

    def _rates(self, epoch: int, step: int) -> tuple[float, float]:
        """Learning rates of the MLP and of the grids."""
        config, start = self.config, self.state.qat_start
        begin, length, scale = (0, config.epochs, 1.0) if start < 0 else (start, config.qat_epochs, QAT_LR_FRACTION)
        progress = (epoch - begin + step / self.objective.n_steps) / length
        cosine = FINAL_LR_FRACTION + (1.0 - FINAL_LR_FRACTION) * 0.5 * (1.0 + math.cos(math.pi * progress))
        slow_down = 0.5**self.state.divergences
        return config.lr * cosine * slow_down * scale, config.effective_grid_lr * cosine * slow_down * scale

    def _train_hash_alone(self, alone: bool) -> None:
        for parameter in self.model.parameters():
            parameter.requires_grad_(not alone)
        for level in self.model.hash_grids:
            level.requires_grad_(True)

    def _train_epoch(self, epoch: int) -> float:
        """Mean loss of the epoch; not finite as soon as one step's loss is not."""
        config, n_steps = self.config, self.objective.n_steps
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        mse = torch.zeros_like(total)
        if config.hash_top_levels:
            self._train_hash_alone(epoch < config.hash_epochs and self._n_main > 0)
        for step, batch in enumerate(self.objective.batches(epoch)):
            lr, grid_lr = self._rates(epoch, step)
            for group, rate in zip(self.optimizer.param_groups, (grid_lr, lr, HASH_LR_FACTOR * grid_lr), strict=False):
                group["lr"] = rate
            self.optimizer.zero_grad(set_to_none=True)
            progress = 1.0 if self.state.qat_start >= 0 else (epoch + step / n_steps) / config.epochs
            loss = self.objective.loss(self.model, batch, epoch * n_steps + step, progress, self.amp)
            loss.total.backward()
            if config.grad_clip > 0.0:
                torch.nn.utils.clip_grad_norm_(self.model.mlp_parameters(), config.grad_clip)
            self.optimizer.step()
            total += loss.total.detach()
            mse += loss.mse.detach()
        if not self.objective.is_plain:
            self._mse = float(mse) / n_steps
        return float(total) / n_steps

    def _recover(self) -> None:
        """Back to the last good epoch with half the learning rate.

        Raises:
            TrainingError: it happened too often.
        """
        divergences = self.state.divergences + 1
        if divergences > MAX_DIVERGENCES:
            raise TrainingError(
                f"epoch {self.state.epoch + 1}: the loss is not finite after {MAX_DIVERGENCES} restarts; lower --lr"
            )
        log.warning(
            "epoch %d: the loss is not finite; again from the last epoch at half the learning rate",
            self.state.epoch + 1,
        )
        self._restore(load_checkpoint(self.out_dir / "last.ckpt"))
        self.state.divergences = divergences
        self._save("last.ckpt")

    def _identity(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to be continued."""
        sampler = self.objective.sampler
        start = {"start": self._start_digest} if self._start_digest else {}
        return {
            **start,
            **self.config.to_json(),
            "amp": self.amp,
            "height": self.model.height,
            "width": self.model.width,
            "n_texels": len(sampler.texels),
            "code_sum": int(sampler.codes.sum(dtype=torch.int64)),
            "hours": [float(h) for h in sampler.hours],
        }

    def _save(self, name: str) -> None:
        affines = {str(level): affine.cpu() for level, affine in self.model.affines.items()}
        save_checkpoint(
            self.out_dir / name,
            {
                "family": "gridmlp",
                "identity": self._identity(),
                "state": vars(self.state).copy(),
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                **({"affines": affines} if affines else {}),
            },
        )

    def _restore(self, saved: dict[str, Any]) -> None:
        try:
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.state = FitState(**saved["state"])
            affines = {int(level): affine.to(self.device) for level, affine in saved.get("affines", {}).items()}
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise TrainingError(f"{self.out_dir / 'last.ckpt'}: not a checkpoint of this model: {error}") from error
        self.model.affines = affines
        self.model.mlp_dtype = self.config.qat_mlp if self.state.qat_start >= 0 else "off"


def _columns(held: ValidationFigures | None) -> tuple[str, ...]:
    if held is None:
        return ()
    return (f"{held.psnr_db:.4f}", f"{held.ssim:.5f}", "" if held.lpips is None else f"{held.lpips:.5f}")
