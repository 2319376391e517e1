"""Shape-adaptive CDF 5/3 lifting of a stack of maps, inverse, in float32.

Maps are processed in groups that stay in the cache, with workspaces that are reused; a lifting step is three in-place
operations over a whole half band. Groups are independent, so threads change nothing in the result. The order of the
float32 operations is part of the format (FORMAT.md "Coefficients to maps").

Source: LeGall and Tabatabai, "Sub-band coding of digital images using symmetric short kernel filters and arithmetic
coding techniques", 1988; Sweldens, "The lifting scheme", 1996.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .lifting_pass import Workspace, column_views, row_views, undo_pass
from .lifting_plan import Floats
from .pyramid import Pyramid

GROUP_SAMPLES = 1 << 19
"""Texels of all maps in one group: 2 MiB of float32."""


def band_gains(n_levels: int) -> list[tuple[float, ...]]:
    """Factors from scaled (low 2, lh and hl 1, hh 1/2 per level) to plain lifting coefficients, coarse to fine."""
    finer = [0.5**depth for depth in range(n_levels + 1)]
    return [(finer[n_levels],)] + [(finer[d], finer[d], finer[d] * 2) for d in range(n_levels - 1, -1, -1)]


def _inverse_group(
    bands: Sequence[Any],
    scales: Sequence[Any],
    centroids: tuple[float, float],
    works: list[Workspace],
    out: Floats,
    part: slice,
) -> None:
    n_levels = len(works)
    n = part.stop - part.start
    for depth in range(n_levels - 1, -1, -1):
        work = works[depth]
        h, n_even, n_odd = work.level.shape[0], work.n_even, work.n_odd
        columns_even = column_views(work.even_store[:n], h, 0, n_even)
        columns_odd = column_views(work.odd_store[:n], h, 1, n_odd)
        places = (columns_even[1], columns_odd[0], columns_odd[1])
        index = n_levels - depth
        if depth == n_levels - 1:
            np.multiply(bands[0][part], scales[0][0], out=columns_even[0], casting="unsafe")
        for place, codes, scale in zip(places, bands[index], scales[index], strict=True):
            _dequantize_into(place, codes[part], scale, centroids, work)
        undo_pass(work.level.low_columns, columns_even, work)
        if n_odd:
            undo_pass(work.level.high_columns, columns_odd, work)
        even, odd, *_ = views = tuple(v[:n] for v in row_views(work))
        undo_pass(work.level.rows, views, work)
        if depth:
            finer = column_views(
                works[depth - 1].even_store[:n], works[depth - 1].level.shape[0], 0, works[depth - 1].n_even
            )[0]
        else:
            finer = out[part]
        finer[..., 0::2] = even
        finer[..., 1::2] = odd


def _dequantize_into(
    place: Floats, codes: NDArray[Any], scale: Floats, centroids: tuple[float, float], work: Workspace
) -> None:
    """Write scale * (code + sign(code) * centroid); clip to -1..1 and to -2..2 tells codes of 1 from larger ones."""
    if not codes.size:
        return
    place[...] = codes
    one, more = centroids
    if one or more:
        spare, clipped = work.scratch_like(place), work.second_scratch_like(place)
        np.clip(place, -1, 1, out=clipped)
        np.multiply(clipped, np.float32(2 * one - more), out=clipped)
        np.clip(place, -2, 2, out=spare)
        np.multiply(spare, np.float32(more - one), out=spare)
        np.add(place, clipped, out=place)
        np.add(place, spare, out=place)
    np.multiply(place, scale, out=place)


def map_groups(n_maps: int, pyramid: Pyramid, n_threads: int) -> tuple[int, list[slice]]:
    """Maps per group, and the groups as slices."""
    h, w = pyramid.levels[0].shape
    size = max(1, min(-(-n_maps // n_threads), GROUP_SAMPLES // (h * w)))
    return size, [slice(k, min(k + size, n_maps)) for k in range(0, n_maps, size)]


def inverse(
    bands: Sequence[Any],
    pyramid: Pyramid,
    q_step: float = 1.0,
    centroids: tuple[float, float] = (0.0, 0.0),
    n_threads: int = 1,
) -> Floats:
    """Decode quantised coefficients to maps.

    Args:
        bands: Codes coarse to fine, [(K, h, w), ((K, h, w), ...x 3), ...]; integers or floats, 0 where no site is.
        pyramid: Of the tile's mask.
        q_step: Width of one bin; the step of a site is q_step * pyramid.step_scale.
        centroids: Reconstruction points: a detail code c of magnitude 1 means c + sign(c) * centroids[0], a larger one
            c + sign(c) * centroids[1].
        n_threads: Worker threads; the result does not depend on it.

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
    size, parts = map_groups(n_maps, pyramid, n_threads)

    def run(mine: list[slice]) -> None:
        works = [Workspace(size, level) for level in pyramid.levels]
        for part in mine:
            _inverse_group(bands, scales, centroids, works, out, part)

    shares = [parts[i::n_threads] for i in range(min(n_threads, len(parts)))]
    if len(shares) == 1:
        run(shares[0])
    else:
        with ThreadPoolExecutor(len(shares)) as pool:
            list(pool.map(run, shares))
    return out
