"""Where a fit stands."""

from __future__ import annotations

import math
from dataclasses import dataclass


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
        qat_start: Epoch in which fine-tuning with fake quantisation began; -1 before.
    """

    epoch: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0
    patience_loss: float = math.inf
    patience_epoch: int = 0
    divergences: int = 0
    seconds: float = 0.0
    qat_start: int = -1
