"""Plan of one shape-adaptive lifting pass: neighbour weights of every sample, derived from the labels of the charts.

One pass splits an axis into even samples (low band) and odd samples (high band); a sample keeps its label in its band.
Two neighbours lift each other only if their labels are equal: a chart border acts as a symmetric extension. An odd
sample without neighbours moves into the low band if its slot there is free (Li and Li, "Shape-adaptive discrete wavelet
transforms for arbitrarily shaped visual object coding", IEEE CSVT 2000, do the same).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PREDICT, UPDATE = -0.5, 0.25
"""CDF 5/3 (LeGall and Tabatabai, 1988): odd += PREDICT * (both neighbours), then even += UPDATE * (both neighbours)."""

Bool = NDArray[np.bool_]
Floats = NDArray[np.float32]
Weights = tuple[Floats, ...]
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Pass:
    """One lifting pass along one axis of an (h, w) grid, split into even and odd samples.

    Attributes:
        predict: Weights (n_odd) of the two neighbours of the odd samples, times PREDICT.
        update: The same for the even samples, times UPDATE.
            Each is (both,) if one weight serves both neighbours (an unused neighbour then holds 0), else (left, right).
        promoted: (rows, columns) of odd samples without neighbours, which are stored in the even grid.
    """

    predict: Weights
    update: Weights
    promoted: tuple[NDArray[np.intp], ...]


def _split(array: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    return (array[0::2], array[1::2]) if axis == 0 else (array[:, 0::2], array[:, 1::2])


def _upto(array: NDArray[Any], axis: int, start: int, stop: int) -> NDArray[Any]:
    return array[start:stop] if axis == 0 else array[:, start:stop]


def _weights(left: Bool, right: Bool, crossed: bool, factor: float) -> Weights:
    """Neighbour weights from the joins: (1, 1) inside, (2, 0) or (0, 2) at a border, (0, 0) for a lone sample."""
    if not crossed:
        table = np.array([0.0, 2.0 * factor, factor], np.float32)
        return (table[left.view(np.uint8) + right.view(np.uint8)],)
    both, single = left & right, left ^ right
    return tuple(np.float32(factor) * (both + np.float32(2) * (side & single)) for side in (left, right))


def plan_pass(labels: Labels, mass: Floats, axis: int) -> tuple[Pass, tuple[Labels, Labels], tuple[Floats, Floats]]:
    """Plan one pass.

    Args:
        labels: (h, w) int32 chart of each sample, 0 where there is none.
        mass: (h, w) float32 or float64 share of the picture each sample stands for.
        axis: Along which neighbours lift each other.

    Returns:
        The pass, and the labels and the masses of its low and high half. Masses of the low half keep the dtype of mass,
        those of the high half are float64, and the last bits of the steps depend on it: it is part of the format
        (FORMAT.md "Charts and pyramid").
    """
    even, odd = _split(labels, axis)
    n_even, n_odd = even.shape[axis], odd.shape[axis]
    n_pairs = n_even - 1
    even_on, odd_on = even != 0, odd != 0
    odd_left = (odd == _upto(even, axis, 0, n_odd)) & odd_on
    odd_right = np.zeros_like(odd_left)
    inner = _upto(odd, axis, 0, n_pairs) == _upto(even, axis, 1, n_even)
    _upto(odd_right, axis, 0, n_pairs)[...] = inner & _upto(odd_on, axis, 0, n_pairs)
    even_left, even_right = np.zeros_like(even_on), np.zeros_like(even_on)
    _upto(even_left, axis, 1, n_even)[...] = _upto(odd_right, axis, 0, n_pairs)
    _upto(even_right, axis, 0, n_odd)[...] = odd_left
    on_both = _upto(even_on, axis, 0, n_odd) & odd_on
    on_next = _upto(odd_on, axis, 0, n_pairs) & _upto(even_on, axis, 1, n_even)
    crossed = bool((on_both & ~odd_left).any() or (on_next & ~_upto(odd_right, axis, 0, n_pairs)).any())
    lone_odd = odd_on & ~(odd_left | odd_right)
    promoted = lone_odd & ~_upto(even_on, axis, 0, n_odd)
    low, high = even.copy(), np.where(promoted, 0, odd)
    _upto(low, axis, 0, n_odd)[promoted] = odd[promoted]
    plan = Pass(
        _weights(odd_left, odd_right, crossed, PREDICT),
        _weights(even_left, even_right, crossed, UPDATE),
        np.nonzero(promoted),
    )
    return plan, (low, high), _split_mass(mass, axis, odd_left, odd_right, promoted)


def _split_mass(mass: Floats, axis: int, left: Bool, right: Bool, promoted: Bool) -> tuple[Floats, Floats]:
    """Share of the picture that a coefficient stands for, 1 inside a chart; odd samples give their mass to neighbours.

    It approximates the squared norm of the synthesis function, which is under 1 at the ends of a chart.
    """
    even, odd = _split(mass, axis)
    n_even, n_odd = even.shape[axis], odd.shape[axis]
    half = np.float32(0.5)
    share = odd * (half * (1 + (left ^ right)))
    low = even.copy()
    _upto(low, axis, 0, n_odd)[...] += share * left
    _upto(low, axis, 1, n_even)[...] += _upto(share * right, axis, 0, n_even - 1)
    _upto(low, axis, 0, n_odd)[promoted] = odd[promoted]
    low *= half
    weight = half * (1 + (left ^ right))
    high = odd + weight * left * _upto(even, axis, 0, n_odd)
    _upto(high, axis, 0, n_even - 1)[...] += _upto(weight * right, axis, 0, n_even - 1) * _upto(even, axis, 1, n_even)
    high *= half
    return low, high
