"""The decoder's inverse 5/3 lifting and smoothing of a tile in torch, so that gradients reach the coefficients.

The same steps as decompressor/daybasis/transform/lifting.py and smoothing.py, without their order of operations: what a
run stores is decoded by those, and may differ from this by what float32 loses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from todpack.decompressor.daybasis.transform.lifting_plan import Pass, Weights
from todpack.decompressor.daybasis.transform.pyramid import Pyramid
from todpack.decompressor.daybasis.transform.smoothing import Smoothing


@dataclass(frozen=True)
class _Pass:
    """A pass whose samples lie along the last axis: (left, right) weights of even and odd samples, what is promoted."""

    predict: tuple[Tensor, Tensor]
    update: tuple[Tensor, Tensor]
    promoted: Tensor | None


def _pair(weights: Weights, turned: bool) -> tuple[Tensor, Tensor]:
    both = [torch.from_numpy(np.ascontiguousarray(w.T if turned else w)) for w in weights]
    return both[0], both[-1]


def _pass(plan: Pass, turned: bool) -> _Pass:
    predict, update = _pair(plan.predict, turned), _pair(plan.update, turned)
    promoted = None
    if plan.promoted[0].size:
        rows, columns = plan.promoted[::-1] if turned else plan.promoted
        promoted = torch.zeros(predict[0].shape)
        promoted[rows, columns] = 1.0
    return _Pass(predict, update, promoted)


def _undo(plan: _Pass, even: Tensor, odd: Tensor) -> Tensor:
    """Merge halves along the last axis: (..., n_even) and (..., n_odd) -> (..., n_even + n_odd)."""
    n_even, n_odd = even.shape[-1], odd.shape[-1]
    if n_odd == 0:
        return even
    if plan.promoted is not None:
        odd = odd + even[..., :n_odd] * plan.promoted
        even = even * (1 - pad(plan.promoted, (0, n_even - n_odd)))
    left, right = pad(odd, (1, 0))[..., :n_even], pad(odd, (0, n_even - n_odd))
    even = even - (plan.update[0] * left + plan.update[1] * right)
    ahead = pad(even, (0, 1))
    odd = odd - (plan.predict[0] * ahead[..., :n_odd] + plan.predict[1] * ahead[..., 1 : n_odd + 1])
    if n_even != n_odd:
        odd = pad(odd, (0, 1))
    merged = torch.stack([even, odd], -1).flatten(-2)
    return merged[..., : n_even + n_odd]


class InverseLifting:
    """Bands of a tile, in plain lifting coefficients, to its maps.

    Args:
        pyramid: Of the tile's mask.
    """

    def __init__(self, pyramid: Pyramid) -> None:
        self._levels = [
            (_pass(level.rows, False), _pass(level.low_columns, True), _pass(level.high_columns, True))
            for level in pyramid.levels
        ]

    def __call__(self, low: Tensor, details: list[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
        """(K, h, w) of the low band (K, ...) and (lh, hl, hh) per level, coarse to fine, 0 where no site is."""
        for (rows, low_columns, high_columns), (lh, hl, hh) in zip(reversed(self._levels), details, strict=True):
            low_half = _undo(low_columns, low.mT, lh.mT).mT
            high_half = _undo(high_columns, hl.mT, hh.mT).mT
            low = _undo(rows, low_half, high_half)
        return low


def smoothed(maps: Tensor, valid: Tensor, smoothing: Smoothing, q_step: float) -> Tensor:
    """The decoder's smoothing of (K, h, w) maps; `valid` is (h, w) float32."""
    bound, (share_x, share_y) = smoothing.bound * q_step, smoothing.weights
    along_x = (maps[..., 1:] - maps[..., :-1]).clip(-bound, bound) * (share_x * valid[:, 1:] * valid[:, :-1])
    along_y = (maps[:, 1:] - maps[:, :-1]).clip(-bound, bound) * (share_y * valid[1:] * valid[:-1])
    in_x = pad(along_x, (0, 1)) - pad(along_x, (1, 0))
    in_y = pad(along_y, (0, 0, 0, 1)) - pad(along_y, (0, 0, 1, 0))
    return maps + in_x + in_y
