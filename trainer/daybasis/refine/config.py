"""Configuration of the refinement."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from todpack.decompressor.daybasis.transform.smoothing import WEIGHT_SCALE, Smoothing
from todpack.packer.errors import ConfigError

OPTIONS = {"ssim_weight": "--loss-ssim-w", "lpips_weight": "--loss-lpips-w", "lpips_every": "--lpips-freq",
           "seed": "--seed"}  # fmt: skip
"""What users type for a field."""


@dataclass(frozen=True)
class RefineConfig:
    """How the codes are refined.

    Attributes:
        n_sweeps: Visits of every code.
        rd_weight: Squared steps that one bit is worth.
        context_gain: Factor on what a magnitude costs later codes; 0 ignores it.
        energy_floor: Added to context energies where slopes are taken.
        gain_spread: Steps of the components run from 1 + this (dense) to 1 - this (sparse).
        smoothing_bound: Bound of the decoder's smoothing in steps; 0 does without.
        smoothing_weight: Share of a difference that a texel moves, in multiples of 1/64.
        temporal_weight: Of squared changes of the error from frame to frame, against squared errors; 0: off.
        equal_db: Weigh frames by their errors, towards the same PSNR for all.
        ssim_weight: Of 1 - SSIM, against the mean squared error over 255^2; 0: off.
        lpips_weight: Of LPIPS on patches, likewise; 0: off.
        lpips_every: Sweeps from one look at LPIPS to the next.
        seed: Of the probes of the synthesis norms, and of the patches.
    """

    n_sweeps: int = 12
    rd_weight: float = 0.2
    context_gain: float = 1.5
    energy_floor: float = 16.0
    gain_spread: float = 0.35
    smoothing_bound: float = 0.375
    smoothing_weight: float = 13 / 64
    temporal_weight: float = 0.0
    equal_db: bool = False
    ssim_weight: float = 0.0
    lpips_weight: float = 0.0
    lpips_every: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, fits, expected in (
            ("n_sweeps", self.n_sweeps, 1 <= self.n_sweeps <= 1000, "1..1000"),
            ("rd_weight", self.rd_weight, 0.0 <= self.rd_weight <= 10.0, "0..10"),
            ("context_gain", self.context_gain, 0.0 <= self.context_gain <= 10.0, "0..10"),
            ("energy_floor", self.energy_floor, 1.0 <= self.energy_floor <= 1e4, "1..10000"),
            ("gain_spread", self.gain_spread, 0.0 <= self.gain_spread <= 0.5, "0..0.5"),
            ("smoothing_bound", self.smoothing_bound, 0.0 <= self.smoothing_bound <= 10.0, "0..10"),
            (
                "smoothing_weight",
                self.smoothing_weight,
                _is_weight(self.smoothing_weight),
                "a multiple of 1/64 in 0..0.25",
            ),
            ("temporal_weight", self.temporal_weight, 0.0 <= self.temporal_weight <= 10.0, "0..10"),
            ("ssim_weight", self.ssim_weight, 0.0 <= self.ssim_weight <= 10.0, "0..10"),
            ("lpips_weight", self.lpips_weight, 0.0 <= self.lpips_weight <= 10.0, "0..10"),
            ("seed", self.seed, 0 <= self.seed < 2**31, "0..2147483647"),
            ("lpips_every", self.lpips_every, 1 <= self.lpips_every <= 1000, "1..1000"),
        ):
            if not fits:
                raise ConfigError(f"{OPTIONS.get(name, f'refine: {name}')}: expected {expected}, found {value}")

    @property
    def smoothing(self) -> Smoothing | None:
        """As the archive stores it."""
        if not self.smoothing_bound or not self.smoothing_weight:
            return None
        return Smoothing(self.smoothing_bound, (self.smoothing_weight, self.smoothing_weight))

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return dataclasses.asdict(self)


def _is_weight(value: float) -> bool:
    return 0.0 <= value <= 0.25 and value * WEIGHT_SCALE == round(value * WEIGHT_SCALE)


PRESETS = {"fast": RefineConfig(), "full": RefineConfig(n_sweeps=24)}
