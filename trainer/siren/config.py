"""Configuration of a SIREN run: its fields are the schema and the defaults of every option."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from ..configuration import from_fields, require, require_integers

PRESETS = ("fast", "full")


@dataclass(frozen=True)
class SirenConfig:
    """One SIREN run.

    Attributes:
        latent_dim: D, channels of the latent map.
        hidden_f1: Width of F1's sine layers.
        layers_f1: Number of F1's sine layers.
        omega_0: Factor inside of every sine.
        hidden_f2: Width of F2's hidden layers.
        layers_f2: Number of F2's hidden layers.
        time_harmonics: F; time enters as sin and cos of 1..F periods a day.
        residual_mode: Learn rgb - baseline instead of rgb.
        baseline_time: Hour of the baseline frame (the nearest stored one is taken).
        baseline_q_step: Width of a bin of the baseline in codes; training sees what the archive will give.
        epochs: Passes; the cosine schedule ends with the last.
        samples_per_epoch: (texel, time) pairs per epoch.
        batch_size: (texel, time) pairs per step; every texel of a batch comes with all of its times.
        lr: Learning rate of F2.
        lr_f1: Learning rate of F1; 0 means the same as lr.
        grad_clip: Largest norm of the gradient; 0 turns clipping off.
        seed: Of initialisation and sampling.
    """

    latent_dim: int = 16
    hidden_f1: int = 256
    layers_f1: int = 4
    omega_0: float = 30.0
    hidden_f2: int = 64
    layers_f2: int = 2
    time_harmonics: int = 2
    residual_mode: bool = False
    baseline_time: float = 12.0
    baseline_q_step: int = 4
    epochs: int = 150
    samples_per_epoch: int = 1_048_576
    batch_size: int = 16_384
    lr: float = 1e-3
    lr_f1: float = 0.0
    grad_clip: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        ranges = (
            ("latent_dim", 1, 256),
            ("hidden_f1", 1, 4096),
            ("layers_f1", 1, 32),
            ("hidden_f2", 1, 4096),
            ("layers_f2", 1, 32),
            ("time_harmonics", 1, 64),
            ("baseline_q_step", 1, 64),
            ("epochs", 1, 1_000_000),
            ("samples_per_epoch", 1, 1 << 40),
            ("batch_size", 1, 1 << 30),
            ("seed", 0, (1 << 31) - 1),
        )
        require_integers(self, ranges)
        require(type(self.residual_mode) is bool, "residual_mode", "true or false", self.residual_mode)
        require(0.0 < self.omega_0 <= 1000.0, "omega_0", "a number in (0, 1000]", self.omega_0)
        require(0.0 <= self.baseline_time < 24.0, "baseline_time", "an hour in [0, 24)", self.baseline_time)
        require(0.0 < self.lr <= 1.0, "lr", "a number in (0, 1]", self.lr)
        require(0.0 <= self.lr_f1 <= 1.0, "lr_f1", "a number in [0, 1]", self.lr_f1)
        require(0.0 <= self.grad_clip < float("inf"), "grad_clip", "a finite number >= 0", self.grad_clip)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(fields: dict[str, Any]) -> SirenConfig:
        """From plain JSON or TOML values.

        Raises:
            ConfigError: an unknown key or a value out of range.
        """
        return from_fields(SirenConfig, fields)
