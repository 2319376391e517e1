"""Configuration of a GridMLP run of the preset `rd`: latents under the archive's own coder, and a small head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from todpack.decompressor.coded_gridmlp import MAX_UNITS

from ..configuration import check, option, to_json, with_default
from ..daybasis.config import DayBasisConfig
from ..neural_config import NeuralConfig

SCRATCH_STEPS = 400
STARTS = ("daybasis", "scratch")


@dataclass(frozen=True)
class RdConfig:
    """One run."""

    q_step: float = with_default(DayBasisConfig, "q_step", 16.0)
    tile: int = with_default(DayBasisConfig, "tile", 512)
    n_levels: int = with_default(DayBasisConfig, "n_levels", 5)
    start: str = option(
        "daybasis",
        choices=STARTS,
        flag="--rd-start",
        help="Start from maps of daybasis, or from maps of 0.",
    )
    n_maps: int = option(20, 1, 256, flag="--rd-maps", help="Latent maps from scratch; daybasis says how many itself.")
    units: int = option(16, 0, MAX_UNITS, flag="--rd-units", help="Hidden units beside the linear path.")
    rd_weight: float = option(0.2, 0.0, 100.0, flag="--rd-weight", help="Squared steps that one bit is worth.")
    steps: int | None = option(
        None, 0, 1_000_000, of=int, flag="--rd-steps",
        help="Steps of gradient descent over the latents.  [default: 0; 400 from scratch]",
    )  # fmt: skip
    noise: float = option(
        0.5, 0.0, 1.0, flag="--rd-noise", help="Share of them with uniform noise; then values are rounded."
    )
    lr: float = option(0.02, 0.0, 0.05, ends="(]", flag="--rd-lr", help="Learning rate of the latents there.")
    rounds: int = option(
        40, 0, 100_000, flag="--rd-rounds", help="Rounds of descent over the head, then over every code."
    )
    head_steps: int = option(60, 0, 100_000, flag="--rd-head-steps", help="Steps for the head in a round.")
    seed: int = with_default(NeuralConfig, "seed", 0)

    def __post_init__(self) -> None:
        check(self)

    @property
    def n_steps(self) -> int:
        """Of gradient descent over the latents."""
        return SCRATCH_STEPS if self.steps is None and self.start == "scratch" else self.steps or 0

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return to_json(self)
