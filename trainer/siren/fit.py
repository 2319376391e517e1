"""The fit loop of SIREN: F1 and F2 together, Adam and one cosine."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from todpack.frames import Day
from todpack.frames.psnr import psnr_db
from todpack.packer.progress import ProgressLine

from ..checkpoint import check_identity, load_checkpoint, save_checkpoint
from ..errors import TrainingError
from ..progress import EpochLog
from ..sampler import DaySampler
from .config import SirenConfig
from .model import Siren

log = logging.getLogger("todpack.train")

FINAL_LR_FRACTION = 0.01


@dataclass
class SirenState:
    """Where a fit stands: epochs finished, the lowest loss so far and its epoch (from 1), training time so far."""

    epoch: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0
    seconds: float = 0.0


def stored_baseline(frame: np.ndarray, q_step: int) -> np.ndarray:
    """(H, W, 3) uint8: the baseline as an archive gives it back, FORMAT.md "Planes"."""
    stored: np.ndarray = np.clip(np.rint(frame.astype(np.float64) / q_step) * q_step, 0, 255).astype(np.uint8)
    return stored


class SirenFit:
    """One run; `run()` trains to the end and leaves the best weights in `model`."""

    def __init__(self, sequence: Day, config: SirenConfig, out_dir: Path, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.config, self.out_dir = config, out_dir
        self.sampler = DaySampler(sequence, device, config.seed)
        self.n_steps = self.sampler.steps_per_epoch(config.samples_per_epoch, config.batch_size)
        self.baseline: np.ndarray | None = None
        self._below: torch.Tensor | None = None
        if config.residual_mode:
            frame = sequence.radiance[sequence.frame_at(config.baseline_time)]
            self.baseline = stored_baseline(frame, config.baseline_q_step)
            below = self.baseline.reshape(-1, 3)[np.flatnonzero(sequence.valid)]
            self._below = torch.from_numpy(below).to(device)
        self.model = Siren(config, sequence.height, sequence.width).to(device)
        groups = [{"params": list(self.model.f1.parameters())}, {"params": list(self.model.f2.parameters())}]
        self.optimizer = torch.optim.Adam(groups, lr=config.lr)
        self.state = SirenState()

    def resume(self) -> None:
        """Continue from `last.ckpt`.

        Raises:
            TrainingError: no readable checkpoint, or one of another configuration or lightmap.
        """
        path = self.out_dir / "last.ckpt"
        saved = load_checkpoint(path)
        check_identity(path, saved, self._identity())
        try:
            self.model.load_state_dict(saved["model"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.state = SirenState(**saved["state"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise TrainingError(f"{path}: not a checkpoint of this model: {error}") from error
        log.info("resumed after epoch %d of %d", self.state.epoch, self.config.epochs)

    def run(self, quiet: bool = False) -> None:
        """Train to the end.

        Raises:
            TrainingError: the loss diverged.
        """
        state = self.state
        csv_log = EpochLog(self.out_dir / "log.csv", state.epoch)
        with ProgressLine("train", "epoch", self.config.epochs, state.epoch, quiet=quiet) as line:
            while state.epoch < self.config.epochs:
                started = time.monotonic()
                loss = self._train_epoch(state.epoch)
                if not math.isfinite(loss):
                    raise TrainingError(f"epoch {state.epoch + 1}: the loss is not finite; lower --lr or --lr-f1")
                state.epoch += 1
                state.seconds += time.monotonic() - started
                train_db = psnr_db(max(loss, 1e-12), 1.0)
                rates = [group["lr"] for group in self.optimizer.param_groups]
                csv_log.append(state.epoch - 1, loss, train_db, rates[1], rates[0], state.seconds)
                if loss < state.best_loss:
                    state.best_loss, state.best_epoch = loss, state.epoch
                    self._save("best.ckpt")
                self._save("last.ckpt")
                line.update(state.epoch, note=f"loss {loss:.3e}, {train_db:.2f} dB")
        self.model.load_state_dict(load_checkpoint(self.out_dir / "best.ckpt")["model"])

    def _train_epoch(self, epoch: int) -> float:
        """Mean loss of the epoch."""
        config, sampler = self.config, self.sampler
        total = torch.zeros((), dtype=torch.float64, device=sampler.codes.device)
        for step, batch in enumerate(sampler.epoch(epoch, self.n_steps, config.batch_size)):
            progress = (epoch + step / self.n_steps) / config.epochs
            cosine = FINAL_LR_FRACTION + (1.0 - FINAL_LR_FRACTION) * 0.5 * (1.0 + math.cos(math.pi * progress))
            for group, rate in zip(self.optimizer.param_groups, (config.lr_f1 or config.lr, config.lr), strict=True):
                group["lr"] = rate * cosine
            target = sampler.codes[batch].to(torch.float32)
            if self._below is not None:
                target = target - self._below[batch][:, None].to(torch.float32)
            self.optimizer.zero_grad(set_to_none=True)
            loss = functional.mse_loss(self.model(sampler.texels[batch], sampler.hours), target / 255.0)
            loss.backward()
            if config.grad_clip > 0.0:
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.grad_clip)
            self.optimizer.step()
            total += loss.detach()
        return float(total) / self.n_steps

    def _identity(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to be continued."""
        return {
            **self.config.to_json(),
            "height": self.model.height,
            "width": self.model.width,
            "n_texels": len(self.sampler.texels),
            "code_sum": int(self.sampler.codes.sum(dtype=torch.int64)),
            "hours": [float(h) for h in self.sampler.hours],
        }

    def _save(self, name: str) -> None:
        save_checkpoint(
            self.out_dir / name,
            {
                "family": "siren",
                "identity": self._identity(),
                "state": asdict(self.state),
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            },
        )
