"""The metric M of the errors over a day."""

from __future__ import annotations

import numpy as np

WARM_UP = 0.25
"""The temporal term starts at this share of its weight."""
EQUALIZING = 0.5
"""Exponent by which the weights of hours follow their errors from sweep to sweep; 1 would overshoot."""
LARGEST = 2.5
"""Squared weights of hours stay within 1 / this and this."""


class Metric:
    """e' M e = sum of w_t^2 e_t^2 + weight * sum of p_t (e_{t+1} - e_t)^2 for the errors e_t of one channel of a texel.

    What the second sum stands for is absolute changes |e_{t+1} - e_t|. It follows them by iteratively reweighted least
    squares: p_t = (mean change of all pairs) / (mean change of this pair), taken anew every sweep. All texels share
    one p_t, so that M is one matrix, and D is a quadratic form of the maps too.

    Args:
        frame_weights: (T,) w_t.
        temporal_weight: Weight of the changes between hours after warming up; 0 leaves them out.
        equal_db: Let the weights follow the errors, towards the same PSNR for every hour.
    """

    def __init__(self, frame_weights: np.ndarray, temporal_weight: float = 0.0, equal_db: bool = False) -> None:
        self._squares = np.asarray(frame_weights, np.float64) ** 2
        self._pairs = np.ones(max(0, len(self._squares) - 1))
        self._temporal_weight, self._equal_db = temporal_weight, equal_db

    @property
    def is_plain(self) -> bool:
        """Whether M stays as it is, so that no errors need be told."""
        return not self._equal_db and not self._temporal_weight

    def matrix(self, progress: float) -> np.ndarray:
        """M: (3T, 3T) over all channels, column 3 t + c; `progress` of the refinement in 0..1."""
        form = np.diag(self._squares)
        if self._temporal_weight and len(self._pairs):
            weight = self._temporal_weight * (WARM_UP + (1 - WARM_UP) * min(max(progress, 0.0), 1.0))
            change = np.diff(np.eye(len(self._squares)), axis=0)
            form += weight * float(self._squares.mean()) * change.T @ (self._pairs[:, None] * change)
        return np.kron(form, np.eye(3))

    def update_weights(self, frame_mse: np.ndarray, changes: np.ndarray) -> None:
        """Take w_t and p_t from the errors as they are now.

        Args:
            frame_mse: (T,) mean squared error of each hour.
            changes: (T - 1,) mean absolute change of the error from hour to hour.
        """
        if self._equal_db:
            mse = np.maximum(frame_mse, 1e-9)
            self._squares *= (mse / np.exp(np.log(mse).mean())) ** EQUALIZING
            self._squares = np.clip(self._squares / self._squares.mean(), 1 / LARGEST, LARGEST)
        if self._temporal_weight and len(changes):
            floored = np.maximum(changes, 1e-6)
            self._pairs = floored.mean() / floored
