"""Integer coefficients of one tile -> its maps on their grids: the steps of FORMAT.md "Coefficients to maps"."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import numpy as np

from .lifting import inverse
from .pyramid import IntArray, Pyramid, in_coding_order, nested
from .rotations import Regions, restore_band
from .smoothing import Smoothing, smooth


class Grids(NamedTuple):
    """Where maps live: map k on the multiples of 2^-(precision + exponents[k])."""

    exponents: np.ndarray
    precision: int


def reconstruct_maps(
    bands: Iterable[IntArray],
    pyramid: Pyramid,
    regions: Regions,
    *,
    q_step: float,
    centroids: tuple[float, float],
    smoothing: Smoothing | None = None,
    grids: Grids | None = None,
) -> np.ndarray:
    """Maps of one tile from its codes.

    Args:
        bands: Codes in coding order (`in_coding_order`), each (K, h, w).
        pyramid: The pyramid of the tile's mask.
        regions: Regions of the tile's blocks, and their rotations.
        q_step: Width of a bin.
        centroids: Reconstruction points of the detail codes.
        smoothing: How far to smooth the maps; None leaves them as they are.
        grids: What the maps are rounded to; None, in an encoder that has yet to choose them, leaves them between.

    Returns:
        (K, H, W) float32, 0 at invalid texels.
    """
    low, *codes = bands  # all first: making and restoring them in turn is 3 % slower
    n_levels = len(pyramid.levels)
    sites = in_coding_order(pyramid.sites)[1:]
    strides = [1 << (n_levels - index // 3) for index in range(len(sites))]
    restore = partial(restore_band, regions=regions, centroids=centroids)  # steps 1 and 2
    details = list(map(restore, codes, sites, strides))
    maps = inverse(nested([low, *details]), pyramid, q_step)  # steps 3 and 4
    if smoothing is not None:
        smooth(maps, pyramid.valid, smoothing, q_step)  # step 5
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
