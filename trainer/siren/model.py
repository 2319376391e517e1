"""The two stages in torch.

Source: Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions" (NeurIPS 2020): the sine
layers and their initialization. FORMAT.md "siren" gives the decoder's same arithmetic.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from todpack.packer.siren.config import SirenConfig

from ..gridmlp.model import time_features


class F1(nn.Module):
    """(x, y) -> latent: sine layers sin(omega_0 (W x + b)), the last one without the sine."""

    def __init__(self, hidden: int, n_layers: int, latent_dim: int, omega_0: float) -> None:
        """Make the network with SIREN's initialization.

        Args:
            hidden: Width of the sine layers.
            n_layers: How many.
            latent_dim: D.
            omega_0: Factor before every layer's sum.
        """
        super().__init__()
        self.omega_0 = omega_0
        sizes = [2, *[hidden] * n_layers, latent_dim]
        self.layers = nn.ModuleList(nn.Linear(n, m) for n, m in pairwise(sizes))
        with torch.no_grad():
            for index, layer in enumerate(self.linear_layers):
                n = layer.in_features
                bound = 1.0 / n if index == 0 else math.sqrt(6.0 / n) / omega_0
                layer.weight.uniform_(-bound, bound)

    @property
    def linear_layers(self) -> list[nn.Linear]:
        """All layers, first to last."""
        return cast("list[nn.Linear]", list(self.layers))

    def forward(self, xy: Tensor) -> Tensor:
        """(N, 2) coordinates in [-1, 1] -> (N, D) latents."""
        x = xy
        last = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            x = self.omega_0 * layer(x)
            if index < last:
                x = torch.sin(x)
        return x


class F2(nn.Module):
    """(latent, time) -> RGB: what is left of the model after F1 was evaluated.

    Attributes:
        residual: Whether it gives RGB - baseline; saved with the weights, so that a frame is not made without it.
    """

    def __init__(self, latent_dim: int, hidden: int, n_layers: int, n_harmonics: int, residual: bool) -> None:
        super().__init__()
        self.n_harmonics = n_harmonics
        self.residual = nn.Buffer(torch.tensor(residual))
        self.input_features = nn.Linear(latent_dim, hidden)
        self.input_time = nn.Linear(2 * n_harmonics, hidden, bias=False)
        self.hidden = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(n_layers - 1))
        self.output = nn.Linear(hidden, 3)

    def forward(self, latents: Tensor, time_h: Tensor) -> Tensor:
        """Every texel at every time.

        Args:
            latents: (N, D).
            time_h: (T,) hours.

        Returns:
            (N, T, 3): RGB, or RGB - baseline in residual mode, in units of 255 codes.
        """
        at_time = self.input_time(time_features(time_h, self.n_harmonics))
        x = functional.relu(self.input_features(latents)[:, None] + at_time[None])
        for layer in self.hidden:
            x = functional.relu(layer(x))
        return self.output(x)


class Siren(nn.Module):
    """F1 and F2 for a lightmap of height x width texels."""

    def __init__(self, config: SirenConfig, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width
        self.f1 = F1(config.hidden_f1, config.layers_f1, config.latent_dim, config.omega_0)
        self.f2 = F2(config.latent_dim, config.hidden_f2, config.layers_f2, config.time_harmonics, config.residual_mode)
        if config.residual_mode:
            nn.init.uniform_(self.f2.output.weight, -1e-3, 1e-3)
            nn.init.zeros_(self.f2.output.bias)
        else:
            nn.init.constant_(self.f2.output.bias, 0.5)

    def coordinates(self, texels: Tensor) -> Tensor:
        """(N,) indices row * W + column -> (N, 2) x and y of texel centers, the map being [-1, 1] x [-1, 1]."""
        rows, columns = texels.div(self.width, rounding_mode="floor"), texels.remainder(self.width)
        x = (columns.to(torch.float32) + 0.5) * (2.0 / self.width) - 1.0
        y = (rows.to(torch.float32) + 0.5) * (2.0 / self.height) - 1.0
        return torch.stack([x, y], dim=1)

    def latents(self, texels: Tensor) -> Tensor:
        """(N,) indices -> (N, D)."""
        return self.f1(self.coordinates(texels))

    def forward(self, texels: Tensor, time_h: Tensor) -> Tensor:
        """(N,) indices, (T,) hours -> (N, T, 3); F1 runs once per texel."""
        return self.f2(self.latents(texels), time_h)
