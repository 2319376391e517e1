"""Configuration of a SIREN run."""

from __future__ import annotations

from dataclasses import dataclass

from ..configuration import option, with_default
from ..neural_config import NeuralConfig


@dataclass(frozen=True)
class SirenConfig(NeuralConfig):
    """One SIREN run: F1 makes a latent of each place, F2 a color of a latent and a time."""

    time_harmonics: int = with_default(NeuralConfig, "time_harmonics", 2)
    residual_mode: bool = with_default(NeuralConfig, "residual_mode", False)
    lr: float = with_default(NeuralConfig, "lr", 1e-3)
    latent_dim: int = option(16, 1, 256, help="Channels of the latent map.")
    hidden_f1: int = option(256, 1, 4096, help="Width of the sine layers of F1.")
    layers_f1: int = option(4, 1, 32, help="Number of sine layers of F1.")
    omega_0: float = option(30.0, 0.0, 1000.0, ends="(]", help="Factor inside of every sine.")
    hidden_f2: int = option(64, 1, 4096, help="Width of the hidden layers of F2.")
    layers_f2: int = option(2, 1, 32, help="Number of hidden layers of F2.")
    baseline_q_step: int = option(4, 1, 64, help="Bin width of the baseline in codes, as trained and stored.")
    lr_f1: float = option(0.0, 0.0, 1.0, help="Learning rate of F1; 0: the same as lr.")
