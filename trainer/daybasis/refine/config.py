"""Configuration of the refinement."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.errors import ConfigError


@dataclass(frozen=True)
class RefineConfig:
    """How the codes are refined.

    Attributes:
        n_sweeps: Visits of every code.
        rd_weight: Squared steps that one bit is worth.
        context_gain: Factor on what a magnitude costs later codes; 0 ignores it.
        energy_floor: Added to context energies where slopes are taken.
        gain_spread: Steps of the components run from 1 + this (strong) to 1 - this (weak).
        seed: Of the probes of the synthesis norms.
    """

    n_sweeps: int = 4
    rd_weight: float = 0.12
    context_gain: float = 1.5
    energy_floor: float = 16.0
    gain_spread: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, fits, expected in (
            ("n_sweeps", self.n_sweeps, 1 <= self.n_sweeps <= 1000, "1..1000"),
            ("rd_weight", self.rd_weight, 0.0 <= self.rd_weight <= 10.0, "0..10"),
            ("context_gain", self.context_gain, 0.0 <= self.context_gain <= 10.0, "0..10"),
            ("energy_floor", self.energy_floor, 1.0 <= self.energy_floor <= 1e4, "1..10000"),
            ("gain_spread", self.gain_spread, 0.0 <= self.gain_spread <= 0.5, "0..0.5"),
        ):
            if not fits:
                raise ConfigError(f"refine: {name}: expected {expected}, found {value}")


PRESETS = {"fast": RefineConfig(), "full": RefineConfig(n_sweeps=12)}
