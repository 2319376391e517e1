"""Losses beside the mean squared error: the changes over time, and how their weight warms up."""

from __future__ import annotations

from torch import Tensor


def temporal_l1(reference: Tensor, prediction: Tensor) -> Tensor:
    """E |(I_t - I_t') - (G_t - G_t')| over neighbours along the axis of times.

    Args:
        reference: (N, T, 3), G; a baseline that both lack cancels.
        prediction: Same shape, I.

    Returns:
        Scalar; 0 for a single time.
    """
    error = prediction - reference
    if error.shape[1] < 2:
        return error.new_zeros(())
    return (error[:, 1:] - error[:, :-1]).abs().mean()


def warmed_up(start: float, end: float, progress: float) -> float:
    """Weight at `progress` (0..1 of the training): linear from `start` to `end` over the first half, then `end`."""
    return start + (end - start) * min(1.0, 2.0 * progress)
