"""Shape-adaptive CDF 5/3 lifting of a stack of maps, forward: decompressor/daybasis/transform/lifting.py undoes it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from todpack.decompressor.daybasis.transform.lifting import (
    Workspace,
    apply_pass,
    band_gains,
    column_views,
    map_groups,
    row_views,
)
from todpack.decompressor.daybasis.transform.pyramid import Pyramid


def forward(maps: NDArray[Any], pyramid: Pyramid) -> list[Any]:
    """Transform maps to nearly orthonormal coefficients (the inverse of `inverse` where q_step * step_scale is 1).

    Args:
        maps: (K, H, W) float; values at invalid texels are ignored.
        pyramid: Of the tile's mask.

    Returns:
        bands of float32, coarse to fine, 0 where there is no site.
    """
    n_maps, gains = len(maps), band_gains(len(pyramid.levels))
    size, parts = map_groups(n_maps, pyramid)
    works = [Workspace(size, level) for level in pyramid.levels]
    bands: list[Any] = [np.empty((n_maps, *pyramid.sites[0].shape), np.float32)]
    bands += [tuple(np.empty((n_maps, *site.shape), np.float32) for site in sites) for sites in pyramid.sites[1:]]
    for part in parts:
        n = part.stop - part.start
        low = np.where(pyramid.valid, maps[part], 0).astype(np.float32)
        for depth, work in enumerate(works):
            h = work.level.shape[0]
            even, odd, *_ = views = tuple(view[:n] for view in row_views(work))
            even[...], odd[...] = low[..., 0::2], low[..., 1::2]
            apply_pass(work.level.rows, views, work)
            columns_even = column_views(work.even_store[:n], h, 0, work.n_even)
            columns_odd = column_views(work.odd_store[:n], h, 1, work.n_odd)
            apply_pass(work.level.low_columns, columns_even, work)
            if work.n_odd:
                apply_pass(work.level.high_columns, columns_odd, work)
            low = columns_even[0]
            places = (columns_even[1], columns_odd[0], columns_odd[1])
            index = len(works) - depth
            for band, place, gain in zip(bands[index], places, gains[index], strict=True):
                np.multiply(place, np.float32(1 / gain), out=band[part])
        np.multiply(low, np.float32(1 / gains[0][0]), out=bands[0][part])
    return bands
