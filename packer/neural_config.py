"""What the configurations of gridmlp and siren share, which are trained by gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .configuration import check, option, to_json

MOST_EPOCHS = 1_000_000
LARGEST_SEED = (1 << 31) - 1


@dataclass(frozen=True)
class NeuralConfig:
    """A model whose inputs are a place and sin and cos of the time, and its training."""

    time_harmonics: int = option(8, 1, 64, help="Time enters as sin and cos of 1 to so many periods a day.")
    residual_mode: bool = option(True, help="Learn rgb - baseline frame instead of rgb.")
    baseline_time: float = option(12.0, 0.0, 24.0, ends="[)", help="Hour of the baseline frame; the nearest stored.")
    epochs: int = option(150, 1, MOST_EPOCHS, help="Passes over samples-per-epoch; the learning rate falls until then.")
    samples_per_epoch: int = option(1_048_576, 1, 1 << 40, help="(texel, time) pairs per epoch.")
    batch_size: int = option(16_384, 1, 1 << 30, help="(texel, time) pairs per step; a texel comes with all its times.")
    lr: float = option(1e-4, 0.0, 1.0, ends="(]", help="Learning rate of the MLP.")
    grad_clip: float = option(1.0, 0.0, ends="[)", help="Largest gradient norm of the MLP; 0: no clipping.")
    seed: int = option(0, 0, LARGEST_SEED, help="Seed of random numbers.")

    def __post_init__(self) -> None:
        check(self)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return to_json(self)
