"""Hours that training does not see: their frames are measured after every epoch."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass

import numpy as np

from todpack.eval.measures.metrics import psnr_srgb_db
from todpack.eval.measures.perceptual import MIN_SIDE, Lpips, LpipsAbsent, load_lpips
from todpack.eval.measures.ssim import ssim
from todpack.frames import Day
from todpack.packer.errors import ConfigError
from todpack.packer.gridmlp.config import GridMlpConfig

from .export import reconstruct
from .model import GridMlp

log = logging.getLogger("todpack.train")

HOUR_TOLERANCE = 1e-3


@dataclass(frozen=True)
class ValidationFigures:
    """Measures of all held frames together: PSNR in dB, SSIM, LPIPS (None where its weights are absent)."""

    psnr_db: float
    ssim: float
    lpips: float | None

    @property
    def mse(self) -> float:
        """Mean squared error of values with peak 1."""
        return float(10.0 ** (-self.psnr_db / 10.0))


def held_frames(sequence: Day, config: GridMlpConfig) -> list[int]:
    """Positions of the hours in `val_hours`.

    Raises:
        ConfigError: one is not stored, is the baseline's, or none is left to train on.
    """
    held = sorted({sequence.frame_at(time_h) for time_h in config.val_hours})
    for time_h in config.val_hours:
        distance = abs(float(sequence.hours[sequence.frame_at(time_h)]) - time_h)
        if min(distance, 24.0 - distance) > HOUR_TOLERANCE:
            stored = ", ".join(f"{h:g}" for h in sequence.hours)
            raise ConfigError(f"--val-hours: expected stored hours ({stored}), found {time_h:g}")
    if config.residual_mode and sequence.frame_at(config.baseline_time) in held:
        raise ConfigError(f"--val-hours: expected other hours than the baseline's, found {config.baseline_time:g}")
    if len(held) >= sequence.n_frames:
        raise ConfigError("--val-hours: expected at least one hour left to train on, found none")
    return held


def frames_of(sequence: Day, positions: list[int]) -> Day:
    """The day at some of its times."""
    return dataclasses.replace(sequence, radiance=sequence.radiance[positions], hours=sequence.hours[positions])


class Validation:
    """Measures a model on frames, at every `downsample`-th row and column."""

    def __init__(self, frames: Day, baseline: np.ndarray | None, downsample: int, device: str) -> None:
        self._step = (slice(None, None, downsample), slice(None, None, downsample))
        self._hours, self._baseline = frames.hours, baseline
        self._reference = frames.radiance.astype(np.uint8)[:, self._step[0], self._step[1]]
        valid = frames.valid[self._step]
        self._valid = valid if valid.any() else np.ones_like(valid)
        self._lpips: Lpips | None = None
        lpips = load_lpips(None, device)
        if isinstance(lpips, LpipsAbsent):
            log.info("validation without LPIPS: %s", lpips.reason)
        elif min(self._reference.shape[1:3]) >= MIN_SIDE:
            self._lpips = lpips

    def _decoded(self, model: GridMlp) -> np.ndarray:
        return reconstruct(model, self._baseline, self._hours, self._step)

    def psnr_db(self, model: GridMlp) -> float:
        """PSNR alone."""
        return min(99.0, psnr_srgb_db(self._reference, self._decoded(model), self._valid))

    def measure(self, model: GridMlp) -> ValidationFigures:
        """All three."""
        decoded = self._decoded(model)
        distances = []
        for reference, frame in zip(self._reference, decoded, strict=True):
            if self._lpips is not None:
                seen = np.where(self._valid[..., None], frame, reference)
                distances.append(self._lpips.distance(reference, seen))
        return ValidationFigures(
            psnr_db=min(99.0, psnr_srgb_db(self._reference, decoded, self._valid)),
            ssim=ssim(self._reference, decoded, self._valid),
            lpips=float(np.mean(distances)) if distances else None,
        )
