"""The metric M of the errors over a day."""

from __future__ import annotations

import numpy as np

WARM_UP = 0.25
"""The temporal term starts at this share of its weight."""
EQUALIZING = 0.5
"""Exponent by which the weights of hours follow their errors from sweep to sweep; 1 would overshoot."""
LARGEST = 2.5
"""Squared weights of hours stay within 1 / this and this: beyond, components disturb each other in the descent."""
State = dict[str, list[float]]


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

    def matrix(self, progress: float) -> np.ndarray:
        """M: (3T, 3T) over all channels, column 3 t + c; `progress` of the refinement in 0..1."""
        form = np.diag(self._squares)
        if self._temporal_weight and len(self._pairs):
            weight = self._temporal_weight * (WARM_UP + (1 - WARM_UP) * min(max(progress, 0.0), 1.0))
            change = np.diff(np.eye(len(self._squares)), axis=0)
            form += weight * float(self._squares.mean()) * change.T @ (self._pairs[:, None] * change)
        return np.kron(form, np.eye(3))

    def update_weights(self, errors: np.ndarray) -> None:
        """Take w_t and p_t from the errors (N, 3T) as they are now."""
        by_frame = errors.reshape(len(errors), -1, 3)
        if self._equal_db:
            mse = np.maximum((by_frame.astype(np.float64) ** 2).mean((0, 2)), 1e-9)
            self._squares *= (mse / np.exp(np.log(mse).mean())) ** EQUALIZING
            self._squares = np.clip(self._squares / self._squares.mean(), 1 / LARGEST, LARGEST)
        if self._temporal_weight and by_frame.shape[1] > 1:
            changes = np.maximum(np.abs(np.diff(by_frame, axis=1)).mean((0, 2), dtype=np.float64), 1e-6)
            self._pairs = changes.mean() / changes

    def state(self) -> State:
        """What the next matrix depends on."""
        return {"squares": self._squares.tolist(), "pairs": self._pairs.tolist()}

    def resume(self, state: State) -> None:
        """Go on from a state."""
        self._squares, self._pairs = (np.asarray(state[name], np.float64) for name in ("squares", "pairs"))
