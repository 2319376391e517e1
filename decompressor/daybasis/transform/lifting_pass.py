"""One lifting pass over a group of maps: padded buffers, and steps of three in-place operations over a half band."""

import numpy as np

from .lifting_plan import Floats, Pass, Weights
from .pyramid import Level


class Workspace:
    """Padded half-band buffers of one level for a group of maps; the guard rows and columns stay zero."""

    def __init__(self, n_maps: int, level: Level) -> None:
        """Make room for `n_maps` maps of one level."""
        h, w = level.shape
        self.n_even, self.n_odd = (w + 1) // 2, w // 2
        self.even_store = np.zeros((n_maps, h + 2, self.n_even + 1), np.float32)
        self.odd_store = np.zeros((n_maps, h + 2, self.n_odd + 2), np.float32)
        self.scratch = np.empty((2, n_maps * (h + 1) * (self.n_even + 1)), np.float32)
        self.level = level

    def scratch_like(self, array: Floats) -> Floats:
        """Uninitialised memory in the shape of an array."""
        return self.scratch[0, : array.size].reshape(array.shape)

    def second_scratch_like(self, array: Floats) -> Floats:
        """The same, apart from `scratch_like`."""
        return self.scratch[1, : array.size].reshape(array.shape)


def _accumulate(target: Floats, left: Floats, right: Floats, weights: Weights, sign: int, scratch: Floats) -> None:
    """Add sign * (weights * neighbours) to target, in place."""
    combine = np.add if sign > 0 else np.subtract
    if len(weights) == 1:
        np.add(left, right, out=scratch)
        scratch *= weights[0]
        combine(target, scratch, out=target)
        return
    for neighbour, weight in zip((left, right), weights, strict=True):
        np.multiply(neighbour, weight, out=scratch)
        combine(target, scratch, out=target)


def column_views(store: Floats, h: int, first: int, count: int) -> tuple[Floats, ...]:
    """Even rows, odd rows, and the left and right neighbours of both, in a buffer with a guard row at each end."""
    body = store[:, :, first : first + count]
    even, odd = body[:, 1 : h + 1 : 2], body[:, 2 : h + 1 : 2]
    return even, odd, body[:, 0:h:2], body[:, 2 : h + 2 : 2], body[:, 1:h:2], body[:, 3 : h + 2 : 2]


def row_views(work: Workspace) -> tuple[Floats, ...]:
    """Even and odd columns, and the left and right neighbours of both, as in `column_views`."""
    h, n_even, n_odd = work.level.shape[0], work.n_even, work.n_odd
    even_rows, odd_rows = work.even_store[:, 1 : h + 1], work.odd_store[:, 1 : h + 1]
    return (
        even_rows[:, :, :n_even],
        odd_rows[:, :, 1 : n_odd + 1],
        odd_rows[:, :, :n_even],
        odd_rows[:, :, 1 : n_even + 1],
        even_rows[:, :, :n_odd],
        even_rows[:, :, 1 : n_odd + 1],
    )


def undo_pass(plan: Pass, views: tuple[Floats, ...], work: Workspace) -> None:
    """Merge low and high halves, in place: the inverse of `apply_pass`."""
    even, odd, even_left, even_right, odd_left, odd_right = views
    if plan.promoted[0].size:
        odd[:, plan.promoted[0], plan.promoted[1]] = even[:, plan.promoted[0], plan.promoted[1]]
        even[:, plan.promoted[0], plan.promoted[1]] = 0
    _accumulate(even, even_left, even_right, plan.update, -1, work.scratch_like(even))
    if odd.size:
        _accumulate(odd, odd_left, odd_right, plan.predict, -1, work.scratch_like(odd))


def apply_pass(plan: Pass, views: tuple[Floats, ...], work: Workspace) -> None:
    """Lift even and odd samples to low and high, in place; views from `row_views` or `column_views`."""
    even, odd, even_left, even_right, odd_left, odd_right = views
    if odd.size:
        _accumulate(odd, odd_left, odd_right, plan.predict, 1, work.scratch_like(odd))
    _accumulate(even, even_left, even_right, plan.update, 1, work.scratch_like(even))
    if plan.promoted[0].size:
        even[:, plan.promoted[0], plan.promoted[1]] = odd[:, plan.promoted[0], plan.promoted[1]]
        odd[:, plan.promoted[0], plan.promoted[1]] = 0
