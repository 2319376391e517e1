"""Gradient descent of the latents and of the rate model: D + rd_weight * R, the head's linear path as it is.

D, in squared steps, is quadratic in what is decoded, with second derivatives of up to about 40: the transform is not
far from orthonormal. So latents take plain steps with momentum. Adam would move the many that are about 0 as far as
the few that are not.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from todpack.packer.gridmlp.rd_config import RdConfig

from .latents import TileLatents
from .model import RdModel
from .rate import ContextRate

RATE_MODEL_RATE, MOMENTUM = 2e-2, 0.9

OnStep = Callable[[int, float, float], object]
"""Told of steps done, the bits of all latents by the rate model, and the mean squared error of the last tile."""


class Descent:
    """Gradient descent.

    Args:
        model: What is trained.
        config: How.
    """

    def __init__(self, model: RdModel, config: RdConfig) -> None:
        self._model, self._config = model, config
        n_levels = len(model.latents[0].shapes) // 3
        self.rates = [ContextRate(len(tile.coefficients), n_levels) for tile in model.latents]
        self._bits = [0.0] * len(model.latents)
        self._generator = torch.Generator().manual_seed(config.seed)

    def run(self, n_steps: int, on_step: OnStep = lambda _step, _bits, _mse: None) -> None:
        """Train, a tile a step; at the end latents are integers."""
        model, config = self._model, self._config
        parameters = [p for rate in self.rates for p in rate.parameters()]
        optimizers = [
            torch.optim.Adam(parameters, RATE_MODEL_RATE),
            torch.optim.SGD([tile.coefficients for tile in model.latents], config.lr, momentum=MOMENTUM),
        ]
        for step in range(n_steps):
            number = step % len(model.latents)
            for group in optimizers[1].param_groups:
                group["lr"] = config.lr * (0.5 + 0.5 * math.cos(math.pi * step / n_steps))
            loss, mse = self.loss(number, step < config.noise * n_steps)
            for optimizer in optimizers:
                optimizer.zero_grad(set_to_none=True)
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            on_step(step + 1, sum(self._bits), mse)
        with torch.no_grad():
            for tile in model.latents:
                tile.coefficients.round_()

    def _values(self, tile: TileLatents, is_noisy: bool) -> tuple[Tensor, Tensor]:
        """What is decoded and what is paid for: the same with noise; else integers, and what was rounded."""
        exact = tile.coefficients
        if is_noisy:
            noisy = exact + torch.rand(exact.shape, generator=self._generator) - 0.5
            return noisy, noisy
        return exact + (exact.round() - exact).detach(), exact

    def loss(self, number: int, is_noisy: bool) -> tuple[Tensor, float]:
        """D + rd_weight R of a tile, in squared steps; and its mean squared error."""
        model, head = self._model, self._model.head
        tile, days = model.latents[number], model.days[number]
        decoded, paid = self._values(tile, is_noisy)
        maps = tile.maps(decoded, None if is_noisy else model.centroids)
        error = maps.T @ head.matrix.detach().flatten(0, 1).T
        error = error + head.offset.detach().flatten() - days.flatten(1)
        squares = error.square().sum()
        bits = self.rates[number](tile.bands(paid), tile.band_sites)
        self._bits[number] = float(bits.detach())
        return squares / model.q_step**2 + self._config.rd_weight * bits, float(squares.detach()) / days.numel()
