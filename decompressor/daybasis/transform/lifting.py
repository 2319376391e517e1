"""Shape-adaptive CDF 5/3 lifting of a stack of maps, in float32: single passes in both directions, and the inverse.

Maps are processed in groups that stay in the cache, with workspaces that are reused; a lifting step is three in-place
operations over a whole half band. Groups are independent, so threads change nothing in the result. The order of the
float32 operations is part of the format (FORMAT.md "Coefficients to maps").

Source: Le Gall and Tabatabai, "Sub-band coding of digital images using symmetric short kernel filters and arithmetic
coding techniques", 1988; Sweldens, "The lifting scheme", 1996.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .lifting_plan import Floats, Pass, Weights
from .pyramid import Level, Pyramid

GROUP_SAMPLES = 1 << 19
"""Texels of all maps in one group: 2 MiB of float32."""


class Workspace:
    """Padded half-band buffers of one level for a group of maps; the guard rows and columns stay zero."""

    def __init__(self, n_maps: int, level: Level) -> None:
        """Make room for `n_maps` maps of one level."""
        h, w = level.shape
        self.n_even, self.n_odd = (w + 1) // 2, w // 2
        self.even_store = np.zeros((n_maps, h + 2, self.n_even + 1), np.float32)
        self.odd_store = np.zeros((n_maps, h + 2, self.n_odd + 2), np.float32)
        self.scratch = np.empty(n_maps * (h + 1) * (self.n_even + 1), np.float32)
        self.level = level

    def scratch_like(self, array: Floats) -> Floats:
        """Uninitialized memory in the shape of an array."""
        return self.scratch[: array.size].reshape(array.shape)


def _accumulate(target: Floats, left: Floats, right: Floats, weights: Weights, sign: int, scratch: Floats) -> None:
    """Add sign * (weights * neighbors) to target, in place."""
    combine = np.add if sign > 0 else np.subtract
    if len(weights) == 1:
        np.add(left, right, out=scratch)
        scratch *= weights[0]
        combine(target, scratch, out=target)
        return
    for neighbor, weight in zip((left, right), weights, strict=True):
        np.multiply(neighbor, weight, out=scratch)
        combine(target, scratch, out=target)


def column_views(store: Floats, h: int, first: int, count: int) -> tuple[Floats, ...]:
    """Even rows, odd rows, and the left and right neighbors of both, in a buffer with a guard row at each end."""
    body = store[:, :, first : first + count]
    even, odd = body[:, 1 : h + 1 : 2], body[:, 2 : h + 1 : 2]
    return even, odd, body[:, 0:h:2], body[:, 2 : h + 2 : 2], body[:, 1:h:2], body[:, 3 : h + 2 : 2]


def row_views(work: Workspace) -> tuple[Floats, ...]:
    """Even and odd columns, and the left and right neighbors of both, as in `column_views`."""
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


def band_gains(n_levels: int) -> list[tuple[float, ...]]:
    """Factors from scaled (low 2, lh and hl 1, hh 1/2 per level) to plain lifting coefficients, coarse to fine."""
    finer = [0.5**depth for depth in range(n_levels + 1)]
    return [(finer[n_levels],)] + [(finer[d], finer[d], finer[d] * 2) for d in range(n_levels - 1, -1, -1)]


def _inverse_group(
    bands: Sequence[Any], scales: Sequence[Any], works: list[Workspace], out: Floats, group: slice
) -> None:
    """Invert the transform of the maps of a group: each level's result is the low half of the next finer one."""
    n = group.stop - group.start
    for depth in range(len(works) - 1, -1, -1):
        work = works[depth]
        h, n_even, n_odd = work.level.shape[0], work.n_even, work.n_odd
        columns_even = column_views(work.even_store[:n], h, 0, n_even)
        columns_odd = column_views(work.odd_store[:n], h, 1, n_odd)
        details = (columns_even[1], columns_odd[0], columns_odd[1])
        index = len(works) - depth
        if depth == len(works) - 1:
            np.multiply(bands[0][group], scales[0][0], out=columns_even[0], casting="unsafe")
        for target, band, scale in zip(details, bands[index], scales[index], strict=True):
            np.multiply(band[group], scale, out=target, casting="unsafe")
        undo_pass(work.level.low_columns, columns_even, work)
        if n_odd:
            undo_pass(work.level.high_columns, columns_odd, work)
        even, odd, *_ = views = tuple(v[:n] for v in row_views(work))
        undo_pass(work.level.rows, views, work)
        if depth:
            finer = works[depth - 1]
            target = column_views(finer.even_store[:n], finer.level.shape[0], 0, finer.n_even)[0]
        else:
            target = out[group]
        target[..., 0::2] = even
        target[..., 1::2] = odd


def map_groups(n_maps: int, pyramid: Pyramid) -> tuple[int, list[slice]]:
    """Maps per group, and the groups as slices."""
    h, w = pyramid.levels[0].shape
    size = max(1, min(n_maps, GROUP_SAMPLES // (h * w)))
    return size, [slice(k, min(k + size, n_maps)) for k in range(0, n_maps, size)]


def inverse(bands: Sequence[Any], pyramid: Pyramid, q_step: float = 1.0) -> Floats:
    """Coefficients to maps: times the step of their site, then the inverse lifting.

    Args:
        bands: Coefficients in steps, coarse to fine, [(K, h, w), ((K, h, w), ...x 3), ...]; integers or floats, 0 where
            no site is.
        pyramid: The pyramid of the tile's mask.
        q_step: Width of one bin; the step of a site is q_step * pyramid.step_scale.

    Returns:
        (K, H, W) float32, 0 at invalid texels.
    """
    gains = band_gains(len(pyramid.levels))
    steps = [(pyramid.step_scale[0],), *pyramid.step_scale[1:]]
    scales = [
        tuple(np.float32(q_step * g) * s for g, s in zip(gs, ss, strict=True))
        for gs, ss in zip(gains, steps, strict=True)
    ]
    n_maps = bands[0].shape[0]
    out = np.empty((n_maps, *pyramid.levels[0].shape), np.float32)
    size, groups = map_groups(n_maps, pyramid)
    works = [Workspace(size, level) for level in pyramid.levels]
    for group in groups:
        _inverse_group(bands, scales, works, out, group)
    return out
