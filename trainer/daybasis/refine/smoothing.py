"""The decoder's smoothing (decompressor/daybasis/smoothing.py) in torch: what it adds to the maps of a tile."""

from __future__ import annotations

import torch

from todpack.decompressor.daybasis.transform.smoothing import Smoothing

Tensor = torch.Tensor


class SmoothingSteps:
    """What smoothing adds to maps in units of q_step.

    Args:
        smoothing: None adds nothing.
        valid: (h, w) bool.
    """

    def __init__(self, smoothing: Smoothing | None, valid: Tensor) -> None:
        self._bound = smoothing.bound if smoothing else 0.0
        along_x, along_y = smoothing.weights if smoothing else (0.0, 0.0)
        self._x = (valid[:, 1:] & valid[:, :-1]) * along_x
        self._y = (valid[1:] & valid[:-1]) * along_y

    def of(self, maps: Tensor) -> Tensor:
        """(K, h, w) to add to (K, h, w)."""
        steps = torch.zeros_like(maps)
        if not self._bound:
            return steps
        along_x = (maps[:, :, 1:] - maps[:, :, :-1]).clamp(-self._bound, self._bound) * self._x
        along_y = (maps[:, 1:] - maps[:, :-1]).clamp(-self._bound, self._bound) * self._y
        steps[:, :, :-1] += along_x
        steps[:, :, 1:] -= along_x
        steps[:, :-1] += along_y
        steps[:, 1:] -= along_y
        return steps
