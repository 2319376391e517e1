"""Plan of one shape-adaptive lifting pass: neighbor weights of every sample, derived from the labels of the charts.

One pass splits an axis into even samples (low band) and odd samples (high band); a sample keeps its label in its band.
Two neighbors join, that is, lift each other, only if their labels are equal: a chart border acts as a symmetric
extension. An odd sample without joins is promoted: it moves into the low band, if its slot there is free.

Source: Li and Li, "Shape-adaptive discrete wavelet transforms for arbitrarily shaped visual object coding", IEEE CSVT
10 (5), 2000. FORMAT.md "Charts and pyramid".
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PREDICT, UPDATE = -0.5, 0.25
"""CDF 5/3 (Le Gall and Tabatabai, 1988): odd += PREDICT * (both neighbors), then even += UPDATE * (both neighbors)."""

Bool = NDArray[np.bool_]
Floats = NDArray[np.float32]
Weights = tuple[Floats, ...]
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Pass:
    """One lifting pass along one axis of an (h, w) grid, split into even and odd samples.

    Attributes:
        predict: Weights (n_odd) of the two neighbors of the odd samples, times PREDICT.
        update: The same for the even samples, times UPDATE.
            Each is (both,) if one weight serves both neighbors (an unused neighbor then holds 0), else (left, right).
        promoted: (rows, columns) of odd samples without neighbors, which are stored in the even grid.
    """

    predict: Weights
    update: Weights
    promoted: tuple[NDArray[np.intp], ...]


def plan_pass(labels: Labels, mass: Floats, axis: int) -> tuple[Pass, tuple[Labels, Labels], tuple[Floats, Floats]]:
    """Plan one pass.

    Args:
        labels: (h, w) int32 chart of each sample, 0 where there is none.
        mass: (h, w) float32 or float64 share of the picture each sample stands for.
        axis: Along which neighbors lift each other.

    Returns:
        The pass, and the labels and the masses of its low and high half. Masses of the low half keep the dtype of mass,
        those of the high half are float64, and the last bits of the steps depend on it: it is part of the format
        (FORMAT.md "Charts and pyramid").
    """

    def flipped(array: NDArray[Any]) -> NDArray[Any]:
        """Neighbors along the first axis, and back again."""
        return array.T if axis else array

    even, odd = flipped(labels)[0::2], flipped(labels)[1::2]
    n, n_right = len(odd), len(even) - 1  # odd sample i has even i on its left; the first n_right also have i + 1
    even_left, even_right = even[:n], even[1:]

    joins_left = (odd == even_left) & (odd != 0)
    joins_right = np.zeros_like(joins_left)
    joins_right[:n_right] = (odd[:n_right] == even_right) & (odd[:n_right] != 0)
    meets_left, meets_right = (odd != 0) & (even_left != 0), (odd[:n_right] != 0) & (even_right != 0)
    has_chart_border = bool((meets_left & ~joins_left).any() or (meets_right & ~joins_right[:n_right]).any())
    promoted = (odd != 0) & ~joins_left & ~joins_right & (even_left == 0)

    # the same joins as the even samples see them: with odd i - 1 on their left, odd i on their right
    from_left, from_right = np.zeros_like(even, bool), np.zeros_like(even, bool)
    from_left[1:], from_right[:n] = joins_right[:n_right], joins_left

    low, high = even.copy(order="K"), np.where(promoted, 0, odd)
    low[:n][promoted] = odd[promoted]
    low_mass, high_mass = _split_mass(flipped(mass), joins_left, joins_right, promoted)
    plan = Pass(
        _weights(flipped(joins_left), flipped(joins_right), has_chart_border, PREDICT),
        _weights(flipped(from_left), flipped(from_right), has_chart_border, UPDATE),
        np.nonzero(flipped(promoted)),
    )
    return plan, (flipped(low), flipped(high)), (flipped(low_mass), flipped(high_mass))


def _weights(left: Bool, right: Bool, has_chart_border: bool, factor: float) -> Weights:
    """Neighbor weights from the joins: (1, 1) inside, (2, 0) or (0, 2) at a border, (0, 0) for a lone sample.

    Without a chart border in the pass, a neighbor that does not join is no sample at all and holds 0: one weight then
    serves both.
    """
    if not has_chart_border:
        table = np.array([0.0, 2.0 * factor, factor], np.float32)
        return (table[left.view(np.uint8) + right.view(np.uint8)],)
    both, single = left & right, left ^ right
    return tuple(np.float32(factor) * (both + np.float32(2) * (side & single)) for side in (left, right))


def _split_mass(mass: Floats, joins_left: Bool, joins_right: Bool, promoted: Bool) -> tuple[Floats, Floats]:
    """Mass of the low and the high half.

    The mass of a coefficient approximates the squared norm of its synthesis function, relative to one inside a chart:
    there it stays 1 from level to level; at the ends of a chart it is smaller on a last even sample, larger on one that
    an odd last sample joins alone. An odd sample with two joins trades half of its mass with each even neighbor, one
    with a single join all of it; halving what a half has gathered keeps 1 where all neighbors are there.
    """
    even, odd = mass[0::2], mass[1::2]
    n, n_right = len(odd), len(even) - 1
    half = np.float32(0.5)
    share = half * (1 + (joins_left ^ joins_right))  # float64: 0.5, or 1 with a single join
    given = odd * share
    low = even.copy(order="K")
    low[:n] += given * joins_left
    low[1:] += (given * joins_right)[:n_right]
    low[:n][promoted] = odd[promoted]
    low *= half
    high = odd + share * joins_left * even[:n]
    high[:n_right] += (share * joins_right)[:n_right] * even[1:]
    high *= half
    return low, high
