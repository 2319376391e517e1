"""Integer coefficients of one tile -> its maps on their grids: the steps of FORMAT.md "Coefficients to maps"."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import numpy as np

from ...pool import ALONE, Pool
from .lifting import inverse
from .pyramid import IntArray, Pyramid, in_coding_order, nested
from .rotations import Regions, restore_band
from .smoothing import Smoothing, smooth

SAMPLES_PER_THREAD = 1 << 21  # below that, threads cost more than they save


class Grids(NamedTuple):
    """Where maps live: map k on the multiples of 2^-(precision + exponents[k])."""

    exponents: np.ndarray
    precision: int


def pool_for(n_samples: int, pool: Pool) -> Pool:
    """The pool, where threads pay for this many samples."""
    return pool if n_samples >= 2 * SAMPLES_PER_THREAD else ALONE


def reconstruct_maps(
    bands: Iterable[IntArray],
    pyramid: Pyramid,
    regions: Regions,
    *,
    q_step: float,
    centroids: tuple[float, float],
    smoothing: Smoothing | None = None,
    grids: Grids | None = None,
    pool: Pool = ALONE,
) -> np.ndarray:
    """Maps of one tile from its codes.

    Args:
        bands: Codes in coding order (`in_coding_order`), each (K, h, w); with more threads, those that are there are
            worked on while `bands` makes the next.
        pyramid: The pyramid of the tile's mask.
        regions: Regions of the tile's blocks, and their rotations.
        q_step: Width of a bin.
        centroids: Reconstruction points of the detail codes.
        smoothing: How far to smooth the maps; None leaves them as they are.
        grids: What the maps are rounded to; None, in an encoder that has yet to choose them, leaves them between.
        pool: Its threads share the work; the result does not depend on it.

    Returns:
        (K, H, W) float32, 0 at invalid texels.
    """
    bands = iter(bands)
    low = next(bands)
    n_levels = len(pyramid.levels)
    sites = in_coding_order(pyramid.sites)[1:]
    strides = [1 << (n_levels - index // 3) for index in range(len(sites))]
    restore = partial(restore_band, regions=regions, centroids=centroids)  # steps 1 and 2
    if pool.workers == 1:  # all bands first: making and restoring them in turn is 3 % slower
        details = list(map(restore, list(bands), sites, strides))
    else:  # the pool takes each band as soon as it is there
        tasks = [pool.start(partial(restore, *band)) for band in zip(bands, sites, strides, strict=True)]
        details = [task.result() for task in tasks]
    maps = inverse(nested([low, *details]), pyramid, q_step, pool)  # steps 3 and 4
    if smoothing is not None:
        smooth(maps, pyramid.valid, smoothing, q_step, pool)  # step 5
    if grids is not None:
        snap_to_grids(maps, grids)  # step 6
    return maps


def snap_to_grids(maps: np.ndarray, grids: Grids) -> None:
    """Round each map to its grid, half to even, in place; on it, every sum of products is exact in float32.

    Args:
        maps: (K, h, w) float32, magnitudes under 2^22 grid steps.
        grids: Exponents of the K maps and the precision.
    """
    for values, exponent in zip(maps, grids.exponents, strict=True):
        # adding 1.5 * 2^23 steps leaves no bits for anything finer than one step
        magic = np.float32(math.ldexp(1.5, 23 - grids.precision - int(exponent)))
        values += magic
        values -= magic
