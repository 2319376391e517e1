"""The fit loop of GridMLP: masked mean squared error, two learning rates, one cosine, restart after a divergence."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from trainer.checkpoint import load_checkpoint, save_checkpoint
from trainer.data import LightmapSequence
from trainer.errors import TrainingError
from trainer.gridmlp.config import GridMlpConfig
from trainer.gridmlp.model import GridMlp
from trainer.progress import EpochLog, epoch_bar
from trainer.sampler import DaySampler

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
    """

    epoch: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0
    patience_loss: float = math.inf
    patience_epoch: int = 0
    divergences: int = 0
    seconds: float = 0.0


class GridMlpFit:
    """One run; `run()` trains to the end (or early stop) and leaves the best weights in `model`."""

    def __init__(
        self, sequence: LightmapSequence, config: GridMlpConfig, out_dir: Path, device: torch.device, amp: bool
    ) -> None:
        torch.manual_seed(config.seed)
        self.config, self.out_dir, self.device, self.amp = config, out_dir, device, amp
        self.sampler = DaySampler(sequence, device, config.seed)
        self.model = GridMlp(config, sequence.height, sequence.width).to(device)
        self.baseline_index = sequence.frame_at(config.baseline_time) if config.residual_mode else None
        self.optimizer = torch.optim.Adam(
            [{"params": list(self.model.grids)}, {"params": self.model.mlp_parameters()}], lr=config.lr, eps=1e-10
        )
        self.n_steps = self.sampler.steps_per_epoch(config.samples_per_epoch, config.batch_size)
        self.state = FitState()

    def target(self, rows: Tensor) -> Tensor:
        """(N, T, 3) in units of 255 codes: RGB, or RGB - baseline."""
        codes = self.sampler.codes[rows].to(torch.float32) / 255.0
        return codes if self.baseline_index is None else codes - codes[:, self.baseline_index : self.baseline_index + 1]

    def resume(self) -> None:
        """Continue from `last.ckpt`.

        Raises:
            TrainingError: no readable checkpoint, or one of another configuration or lightmap.
        """
        path = self.out_dir / "last.ckpt"
        saved = load_checkpoint(path)
        expected = self._identity()
        if saved.get("identity") != expected:
            found = saved.get("identity") if isinstance(saved.get("identity"), dict) else {}
            different = sorted(k for k in expected if not isinstance(found, dict) or found.get(k) != expected[k])
            raise TrainingError(
                f"{path}: was trained with other options or data (different: {', '.join(different) or 'all'}); "
                "resume with the same ones, or train into a new folder"
            )
        self._restore(saved)
        log.info("resumed after epoch %d of %d", self.state.epoch, self.config.epochs)

    def run(self, quiet: bool = False) -> None:
        """Train to the end.

        Raises:
            TrainingError: the loss diverged too often.
        """
        config = self.config
        csv_log = EpochLog(self.out_dir / "log.csv", self.state.epoch)
        if self.state.epoch == 0:
            self._save("last.ckpt")
        bar = epoch_bar(config.epochs, self.state.epoch, quiet)
        while self.state.epoch < config.epochs and not self._is_stalled():
            started = time.monotonic()
            loss = self._train_epoch(self.state.epoch)
            if not math.isfinite(loss):
                self._recover()
                continue
            state = self.state
            state.epoch += 1
            state.seconds += time.monotonic() - started
            psnr_db = -10.0 * math.log10(max(loss, 1e-12))
            lr, grid_lr = (group["lr"] for group in reversed(self.optimizer.param_groups))
            csv_log.append(state.epoch - 1, loss, psnr_db, lr, grid_lr, state.seconds)
            if loss < state.patience_loss * (1.0 - MIN_GAIN):
                state.patience_loss, state.patience_epoch = loss, state.epoch
            is_best = loss < state.best_loss
            if is_best:
                state.best_loss, state.best_epoch = loss, state.epoch
                self._save("best.ckpt")
            self._save("last.ckpt")
            bar.update(1)
            bar.set_postfix(loss=f"{loss:.3e}", psnr=f"{psnr_db:.2f} dB")
        bar.close()
        best = load_checkpoint(self.out_dir / "best.ckpt")
        self.model.load_state_dict(best["model"])

    def _is_stalled(self) -> bool:
        stalled = 0 < self.config.patience <= self.state.epoch - self.state.patience_epoch
        if stalled:
            log.warning("stopped early: no better loss for %d epochs", self.config.patience)
        return stalled

    def _train_epoch(self, epoch: int) -> float:
        """Mean loss of the epoch; not finite as soon as one step's loss is not."""
        config, device_type = self.config, self.device.type
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        slow_down = 0.5**self.state.divergences
        for step, rows in enumerate(self.sampler.epoch(epoch, self.n_steps, config.batch_size)):
            progress = (epoch + step / self.n_steps) / config.epochs
            cosine = FINAL_LR_FRACTION + (1.0 - FINAL_LR_FRACTION) * 0.5 * (1.0 + math.cos(math.pi * progress))
            self.optimizer.param_groups[0]["lr"] = config.effective_grid_lr * cosine * slow_down
            self.optimizer.param_groups[1]["lr"] = config.lr * cosine * slow_down
            self.optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device_type, dtype=torch.bfloat16, enabled=self.amp):
                prediction = self.model(self.sampler.texels[rows], self.sampler.hours)
            loss = functional.mse_loss(prediction.float(), self.target(rows))
            loss.backward()
            if config.grad_clip > 0.0:
                torch.nn.utils.clip_grad_norm_(self.model.mlp_parameters(), config.grad_clip)
            self.optimizer.step()
            total += loss.detach()
        return float(total) / self.n_steps

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
        codes = self.sampler.codes
        return {
            **self.config.to_json(),
            "amp": self.amp,
            "height": self.model.height,
            "width": self.model.width,
            "n_texels": len(self.sampler.texels),
            "code_sum": int(codes.sum(dtype=torch.int64)),
            "hours": [float(h) for h in self.sampler.hours],
        }

    def _save(self, name: str) -> None:
        save_checkpoint(
            self.out_dir / name,
            {
                "family": "gridmlp",
                "identity": self._identity(),
                "state": vars(self.state).copy(),
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            },
        )

    def _restore(self, saved: dict[str, Any]) -> None:
        try:
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.state = FitState(**saved["state"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise TrainingError(f"{self.out_dir / 'last.ckpt'}: not a checkpoint of this model: {error}") from error
