"""Rounds of two steps: the head by gradient descent, and every code by coordinate descent under the coder's costs.

Around the present maps the head is linear, with a Jacobian J of its own at every texel and hour. The squared error is
then a quadratic form of the maps, the kind that the refinement of daybasis descends over the codes
(packer/daybasis/refine): its slope J' e is taken at every texel, its metric J' J as the mean over texels.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from todpack.packer.daybasis.quantize import stored_centroids
from todpack.packer.daybasis.rdoq import bits_of_counts
from todpack.packer.daybasis.refine.config import RefineConfig
from todpack.packer.daybasis.refine.rate import side_bits
from todpack.packer.daybasis.tile_codes import TileCodes
from todpack.packer.gridmlp.rd_config import RdConfig

from .model import RdModel, pieces

BATCH, METRIC_TEXELS = 2048, 2048
SETBACK = 1.02
"""A round is taken back after which D + rd_weight R is over so much of the least it was."""
HEAD_RATES = {"gather": 3e-2, "biases": 3e-2, "spread": 3e-2, "matrix": 1e-4, "offset": 1e-2}

OnRound = Callable[[int, float, float], object]
"""Told of rounds done, bits of all codes, and the mean squared error."""


class Rounds:
    """Alternating descent.

    Args:
        model: What is trained; its latents are rounded to integers.
        classes: Region of each block of each tile.
        rotations: (n_regions, K, K).
        config: How to train.

    Attributes:
        history: (bits, mean squared error) before and after each round.
    """

    def __init__(self, model: RdModel, classes: list[np.ndarray], rotations: np.ndarray, config: RdConfig) -> None:
        self._model, self._config = model, config
        self._held = [TileCodes(tile, blocks, rotations) for tile, blocks in zip(model.tiles, classes, strict=True)]
        for held, tile in zip(self._held, model.latents, strict=True):
            held.put(tile.codes())
        self._refine = RefineConfig(rd_weight=config.rd_weight)
        self._generator = torch.Generator().manual_seed(config.seed)
        groups = [{"params": [p], "first_lr": HEAD_RATES[name]} for name, p in model.head.named_parameters()]
        self._optimizer = torch.optim.Adam(groups, betas=(0.9, 0.98))
        self.history: list[tuple[float, float]] = []

    def run(self, n_rounds: int, on_round: OnRound = lambda _round, _bits, _mse: None) -> None:
        """Take rounds; what is left in the model is the best of them."""
        model = self._model
        maps = self._put()
        mse = model.refit(maps)
        costs, bits = self._rate()
        self.history.append((bits, mse))
        best, least = self._state(), self._cost(bits, mse)
        for number in range(n_rounds):
            self._train_head(maps, 0.5 + 0.5 * math.cos(math.pi * number / n_rounds))
            model.refit(maps)
            self._sweep(maps, costs)
            maps = self._put()
            mse = model.refit(maps)
            costs, bits = self._rate()
            self.history.append((bits, mse))
            cost = self._cost(bits, mse)
            if cost < least:
                best, least = self._state(), cost
            elif cost > SETBACK * least:
                self._restore(best)
                for held, tile in zip(self._held, model.latents, strict=True):
                    held.put(tile.codes())
                maps, costs = model.maps(), self._rate()[0]
            on_round(number + 1, bits, mse)
        self._restore(best)

    def _cost(self, bits: float, mse: float) -> float:
        return mse / self._model.q_step**2 * self._model.n_values + self._config.rd_weight * bits

    def _state(self) -> Any:
        codes = [tile.coefficients.detach().clone() for tile in self._model.latents]
        return codes, self._model.centroids, copy.deepcopy(self._model.head.state_dict())

    @torch.no_grad()
    def _restore(self, state: Any) -> None:
        codes, self._model.centroids, head = state
        self._model.head.load_state_dict(head)
        for tile, values in zip(self._model.latents, codes, strict=True):
            tile.coefficients.copy_(values)

    def _put(self) -> list[Tensor]:
        """Codes that are held to the model; the maps that they decode to."""
        for held, tile in zip(self._held, self._model.latents, strict=True):
            tile.put(held.bands())
        return self._model.maps()

    def _rate(self) -> tuple[np.ndarray, float]:
        """Costs of magnitudes over all tiles, and the estimate of all bits."""
        counts = np.asarray(sum(held.counts() for held in self._held))
        costs = bits_of_counts(counts)
        side = sum(side_bits(held.bands(), held.sites) for held in self._held)
        return costs, float((counts * costs).sum()) + side

    def _train_head(self, maps: list[Tensor], share: float) -> None:
        """Some steps on texels at random, at this share of the learning rates."""
        model = self._model
        if not len(model.head.gather):
            return
        sizes = torch.tensor([float(some.shape[1]) for some in maps])
        for group in self._optimizer.param_groups:
            group["lr"] = share * group["first_lr"]
        for _ in range(self._config.head_steps):
            number = int(torch.multinomial(sizes, 1, generator=self._generator))
            texels = torch.randint(0, maps[number].shape[1], (BATCH,), generator=self._generator)
            error = model.head(maps[number][:, texels], model.hours) - model.days[number][texels].permute(1, 2, 0)
            self._optimizer.zero_grad(set_to_none=True)
            error.square().mean().backward()
            self._optimizer.step()

    def _sweep(self, maps: list[Tensor], costs: np.ndarray) -> None:
        """Visit every code once; reconstruction points follow."""
        model, excess, metric = self._model, np.zeros((2, 2)), self._metric(maps)
        for number, held in enumerate(self._held):
            held.aim(self._slopes(maps[number], number), metric)
            excess += held.sweep(costs, model.centroids, self._refine)
        model.centroids = stored_centroids(*excess)

    def _slopes(self, maps: Tensor, number: int) -> np.ndarray:
        """(N, K) half the gradient of D in the maps of a tile, both in steps."""
        model, slopes, done = self._model, np.empty((maps.shape[1], len(maps)), np.float32), 0
        for some, days in pieces(maps, model.days[number]):
            places = some.clone().requires_grad_()
            error = model.head(places, model.hours) - days.permute(1, 2, 0)
            (gradient,) = torch.autograd.grad(error.square().sum() / 2, places)
            slopes[done : done + len(days)] = gradient.T.numpy() / model.q_step
            done += len(days)
        return slopes

    @torch.no_grad()
    def _metric(self, maps: list[Tensor]) -> np.ndarray:
        """(K, K) mean of J' J."""
        head = self._model.head
        gather, total = head.gather / head.scales, torch.zeros(len(maps[0]), len(maps[0]))
        stride = max(1, sum(some.shape[1] for some in maps) // METRIC_TEXELS)
        some = torch.cat([tile[:, ::stride] for tile in maps], 1)
        for hour in range(len(head.biases)):
            is_active = (gather @ some + head.biases[hour][:, None] > 0).float()
            path = torch.einsum("cu,uk->cuk", head.spread[hour], gather)
            together = is_active @ is_active.T / some.shape[1]
            mean = is_active.mean(1)
            linear = head.matrix[hour]
            cross = torch.einsum("ck,cul,u->kl", linear, path, mean)
            total += linear.T @ linear + cross + cross.T + torch.einsum("cuk,cvl,uv->kl", path, path, together)
        return np.asarray(total.double().numpy())
