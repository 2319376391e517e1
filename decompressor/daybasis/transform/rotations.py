"""Regional rotations: blocks of texels choose among a few orthogonal matrices in which their details are sparse.

Surfaces that face differently meet the sun at different hours, so no one basis is the sparsest everywhere. A block's
detail coefficients are coded in the basis of its class and turned back before the inverse lifting; the maps, and with
them the frame stage, know nothing of it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 16
"""Edge of a block in texels."""
SKEW_SCALE = 64.0
"""Entries of a stored skew-symmetric matrix are integers over this; at 32 the rate is 1.3 % higher."""
TURN_GRID = 1024.0
"""Entries of a rotation are multiples of 1 / TURN_GRID, coefficients of 1/32: products are multiples of 2^-15."""
EXACT_LIMIT = 500.0
"""Sums below this (512 with a margin for rows a little longer than 1) are exact in float32 whatever the order of
summation (24 bits), so threads change nothing; larger coefficients, rare but in coarse bands, are turned in float64."""

SMALL_PRODUCT = 1 << 18
"""Multiplications in one matrix product at most: larger ones make OpenBLAS start threads, which wait for each other."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Regions:
    """The class of every block, and the rotation of every class.

    Attributes:
        classes: (ceil(H / BLOCK), ceil(W / BLOCK)) uint8.
        turns: (n_classes, K, K) float64; map coefficients = turn @ coded coefficients.
    """

    classes: NDArray[np.uint8]
    turns: NDArray[np.float64]


def turns_of_codes(codes: NDArray[np.integer], n_components: int) -> NDArray[np.float64]:
    """Rotations from their stored integers by the Cayley transform (I - S/2)^-1 (I + S/2).

    Args:
        codes: (n_classes, K (K - 1) / 2), the upper triangles of the skew-symmetric S by rows, times SKEW_SCALE.
        n_components: K.

    Returns:
        (n_classes, K, K) float64, orthogonal up to rounding to multiples of 1 / TURN_GRID.
    """
    skew = np.zeros((len(codes), n_components, n_components))
    rows, columns = np.triu_indices(n_components, 1)
    skew[:, rows, columns] = codes / SKEW_SCALE
    skew -= skew.transpose(0, 2, 1)
    unit = np.eye(n_components)
    turns: NDArray[np.float64] = np.rint(_solve(unit - skew / 2, unit + skew / 2) * TURN_GRID) / TURN_GRID
    return turns


def _solve(left: Floats, right: Floats) -> Floats:
    """Solve left @ x = right for stacks of matrices whose symmetric part is positive definite (no pivoting needed).

    Gauss-Jordan in elementwise operations: unlike LAPACK it gives the same bits on every machine.
    """
    left, right = left.copy(), right.copy()
    for i in range(left.shape[1]):
        factors = left[:, :, i] / left[:, i, i][:, None]
        factors[:, i] = 0.0
        left -= factors[:, :, None] * left[:, i, :][:, None]
        right -= factors[:, :, None] * right[:, i, :][:, None]
    return right / np.diagonal(left, axis1=1, axis2=2)[:, :, None]


def site_classes(regions: Regions, shape: tuple[int, ...], stride: int) -> NDArray[np.uint8]:
    """(h, w) class of every sample of a band whose samples lie `stride` texels apart."""
    n_rows, n_columns = regions.classes.shape
    rows = np.minimum(np.arange(shape[0]) * stride // BLOCK, n_rows - 1)
    columns = np.minimum(np.arange(shape[1]) * stride // BLOCK, n_columns - 1)
    classes: NDArray[np.uint8] = regions.classes[rows[:, None], columns]
    return classes


def turn_bands(
    bands: Sequence[Any], sites: Sequence[Any], turns: Floats, regions: Regions, n_threads: int = 1
) -> list[Any]:
    """Multiply the detail coefficients of every site by the matrix of its class (the encoder's direction).

    Args:
        bands: Coefficients in steps, coarse to fine; the low band passes unchanged.
        sites: Of the pyramid.
        turns: (n_classes, K, K): the inverses of regions.turns.
        regions: Classes of the blocks.
        n_threads: Bands are shared among so many threads.

    Returns:
        bands; details float32, 0 outside the sites.
    """
    return _map_bands(bands, sites, turns, regions, (0.0, 0.0), n_threads)


def restore_bands(
    codes: Sequence[Any], sites: Sequence[Any], regions: Regions, centroids: tuple[float, float], n_threads: int = 1
) -> list[Any]:
    """Codes to coefficients of the common components (the decoder's direction).

    Args:
        codes: Integer codes of all bands, coarse to fine.
        sites: Of the pyramid.
        regions: Classes and their matrices.
        centroids: A detail code c of magnitude 1 means c + sign(c) * centroids[0], a larger one
            c + sign(c) * centroids[1]; multiples of 1/32.
        n_threads: Bands are shared among so many threads; the result does not depend on it.

    Returns:
        bands in steps for `lifting.inverse`; details float32.
    """
    return _map_bands(codes, sites, regions.turns, regions, centroids, n_threads)


def restore_band(
    codes: NDArray[Any],
    site: NDArray[np.bool_],
    regions: Regions,
    stride: int,
    centroids: tuple[float, float],
) -> NDArray[np.float32]:
    """One detail band of `restore_bands`; its samples lie `stride` texels apart."""
    return _turn_band(codes, site, regions.turns, regions, stride, centroids)


def _map_bands(
    bands: Sequence[Any],
    sites: Sequence[Any],
    turns: Floats,
    regions: Regions,
    centroids: tuple[float, float],
    n_threads: int,
) -> list[Any]:
    jobs = [(index, o) for index in range(len(bands) - 1, 0, -1) for o in range(3)]

    def run(job: tuple[int, int]) -> NDArray[np.float32]:
        index, o = job
        stride = 1 << (len(bands) - index)
        return _turn_band(bands[index][o], sites[index][o], turns, regions, stride, centroids)

    if n_threads > 1:
        with ThreadPoolExecutor(n_threads) as pool:
            done = dict(zip(jobs, pool.map(run, jobs), strict=True))
    else:
        done = {job: run(job) for job in jobs}
    return [bands[0], *(tuple(done[index, o] for o in range(3)) for index in range(1, len(bands)))]


def _turn_band(
    band: NDArray[Any],
    site: NDArray[np.bool_],
    turns: Floats,
    regions: Regions,
    stride: int,
    centroids: tuple[float, float],
) -> NDArray[np.float32]:
    turned = np.zeros(band.shape, np.float32)
    places = np.flatnonzero(site)
    codes = band.reshape(len(band), -1)
    if np.issubdtype(band.dtype, np.integer):
        places = places[np.bitwise_or.reduce(codes, axis=0)[places] != 0]
    if not places.size:
        return turned
    classes = site_classes(regions, site.shape, stride).ravel()[places]
    places = places[np.argsort(classes, kind="stable")]
    ends = np.cumsum(np.bincount(classes, minlength=len(turns))).tolist()
    values = codes.take(places, axis=1).astype(np.float32)
    if centroids != (0.0, 0.0):
        one, more = centroids
        values += np.float32(2 * one - more) * np.clip(values, -1, 1) + np.float32(more - one) * np.clip(values, -2, 2)
    if max(float(values.max()), -float(values.min())) * np.sqrt(len(values)) > EXACT_LIMIT:
        values = values.astype(np.float64)
    matrices = turns.astype(values.dtype)
    flat = turned.reshape(len(band), -1)
    result = np.empty(values.shape, np.float32)
    chunk = max(1, SMALL_PRODUCT // len(band) ** 2)
    for matrix, start, end in zip(matrices, [0, *ends[:-1]], ends, strict=True):
        for first in range(start, end, chunk):
            part = slice(first, min(first + chunk, end))
            np.matmul(matrix, values[:, part], out=result[:, part], casting="same_kind")
    flat[:, places] = result
    return turned
