"""Regional rotations: blocks of texels choose among a few orthogonal matrices in which their details are sparse.

Surfaces that face differently meet the sun at different hours, so no one basis is the sparsest everywhere. A block's
detail coefficients are coded in the basis of its region and rotated back before the inverse lifting; the maps, and with
them the frame stage, know nothing of it. FORMAT.md "Coefficients to maps", steps 1 and 2.

Source: Cayley, "Sur quelques proprietes des determinants gauches", 1846: (I - S/2)^-1 (I + S/2) of a skew-symmetric S
is orthogonal, so integers of any kind give a rotation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..products import multiply

BLOCK = 16
"""Edge of a block in texels."""
SKEW_SCALE = 64.0
"""Entries of a stored skew-symmetric matrix are integers over this; at 32 the rate is 1.3 % higher."""
ROTATION_GRID = 1024.0
"""Entries of a rotation are multiples of 1 / ROTATION_GRID, coefficients of 1/32: products are multiples of 2^-15."""
MAX_ENTRY = 2.0
"""Entries of rotations are 1 at most; what float64 makes of absurd codes may be anything."""
EXACT_LIMIT = 500.0
"""Sums below this (512 with a margin for rows a little longer than 1) are exact in float32 whatever the order of
summation (24 bits), so threads change nothing; larger coefficients, rare outside of coarse bands, go through
float64."""


Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Regions:
    """The region of every block of a tile, and the rotation of every region.

    Attributes:
        blocks: (ceil(h / BLOCK), ceil(w / BLOCK)) uint8.
        rotations: (n_regions, K, K) float64; coefficients of the maps = rotation @ coded coefficients. A single one is
            the identity.
    """

    blocks: NDArray[np.uint8]
    rotations: Floats


def rotations_of_codes(codes: NDArray[np.integer], n_components: int) -> Floats:
    """Rotations from their stored integers by the Cayley transform (I - S/2)^-1 (I + S/2).

    Args:
        codes: (n_regions, K (K - 1) / 2), the upper triangles of the skew-symmetric S by rows, times SKEW_SCALE.
        n_components: K.

    Returns:
        (n_regions, K, K) float64, orthogonal up to rounding to multiples of 1 / ROTATION_GRID.
    """
    skew = np.zeros((len(codes), n_components, n_components))
    rows, columns = np.triu_indices(n_components, 1)
    skew[:, rows, columns] = codes / SKEW_SCALE
    skew -= skew.transpose(0, 2, 1)
    unit = np.eye(n_components)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # of absurd codes
        rotations: Floats = np.rint(_solve(unit - skew / 2, unit + skew / 2) * ROTATION_GRID) / ROTATION_GRID
    return rotations


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


def site_regions(blocks: NDArray[np.uint8], shape: tuple[int, ...], stride: int) -> NDArray[np.uint8]:
    """(h, w) region of every sample of a band whose samples lie `stride` texels apart."""
    n_rows, n_columns = blocks.shape
    rows = np.minimum(np.arange(shape[0]) * stride // BLOCK, n_rows - 1)
    columns = np.minimum(np.arange(shape[1]) * stride // BLOCK, n_columns - 1)
    regions: NDArray[np.uint8] = blocks[rows[:, None], columns]
    return regions


def reconstruct(codes: Any, centroids: tuple[float, float]) -> Any:
    """Reconstruction points: a code c of magnitude 1 means c + sign(c) * a, a larger one c + sign(c) * b.

    Without a branch: with s = sign(c), clip(c, -1, 1) and clip(c, -2, 2) are s and s where |c| = 1, s and 2 s where
    it is larger. (2 a - b) times the first plus (b - a) times the second is then s a in the one case, s b in the other.
    All of it is exact in float32: codes are under 2^19, and a and b multiples of 1/32 in -0.5..0.5.

    Args:
        codes: Integers as float32, any shape; an array, or a tensor of torch.
        centroids: (a, b), the mean excess of the true magnitudes over 1, and over larger codes.

    Returns:
        The same kind and shape.
    """
    one, more = centroids
    return codes + (codes.clip(-1, 1) * (2 * one - more) + codes.clip(-2, 2) * (more - one))


def restore_band(
    codes: NDArray[np.integer],
    sites: NDArray[np.bool_],
    stride: int,
    regions: Regions,
    centroids: tuple[float, float],
) -> Singles:
    """Codes of a detail band to coefficients of the common components, in steps (the decoder's direction).

    Args:
        codes: (K, h, w).
        sites: (h, w), of the pyramid.
        stride: Texels from one sample of the band to the next.
        regions: The tile's regions.
        centroids: Reconstruction points, see `reconstruct`.

    Returns:
        (K, h, w) float32, 0 outside the sites.
    """
    restored, flat = np.zeros(codes.shape, np.float32), codes.reshape(len(codes), -1)
    if len(regions.rotations) == 1:  # the identity; few codes are not 0
        nonzero = np.flatnonzero(codes)
        restored.ravel()[nonzero] = reconstruct(codes.ravel()[nonzero].astype(np.float32), centroids)
        return restored
    places = np.flatnonzero(sites)
    places = places[np.bitwise_or.reduce(flat, axis=0)[places] != 0]
    if places.size:
        places, ends = _by_region(places, regions.blocks, codes.shape[1:], stride, len(regions.rotations))
        points = reconstruct(flat.take(places, axis=1).astype(np.float32), centroids)
        restored.reshape(flat.shape)[:, places] = _rotated(points, ends, regions.rotations)
    return restored


def rotate_bands(bands: Sequence[Any], sites: Sequence[Any], blocks: NDArray[np.uint8], rotations: Floats) -> list[Any]:
    """Multiply the detail coefficients of every site by the matrix of its region (the encoder's direction).

    Args:
        bands: Coefficients in steps, coarse to fine; the low band passes unchanged.
        sites: The pyramid's sites.
        blocks: Region of each block.
        rotations: (n_regions, K, K): the inverses of `Regions.rotations`.

    Returns:
        bands; details float32, 0 outside the sites.
    """
    out: list[Any] = [bands[0]]
    for index in range(1, len(bands)):
        stride, level = 1 << (len(bands) - index), []
        for band, where in zip(bands[index], sites[index], strict=True):
            rotated = np.zeros(band.shape, np.float32)
            places = np.flatnonzero(where)
            if places.size:
                places, ends = _by_region(places, blocks, where.shape, stride, len(rotations))
                values = band.reshape(len(band), -1).take(places, axis=1).astype(np.float32)
                rotated.reshape(len(band), -1)[:, places] = _rotated(values, ends, rotations)
            level.append(rotated)
        out.append(tuple(level))
    return out


def _by_region(
    places: NDArray[np.intp], blocks: NDArray[np.uint8], shape: tuple[int, ...], stride: int, n_regions: int
) -> tuple[NDArray[np.intp], list[int]]:
    """Flat indices of an (h, w) band sorted by region, so that a matrix takes its sites at once; where each ends."""
    labels = site_regions(blocks, shape, stride).ravel()[places]
    return places[np.argsort(labels, kind="stable")], np.cumsum(np.bincount(labels, minlength=n_regions)).tolist()


def _rotated(values: Singles, ends: Sequence[int], rotations: Floats) -> Singles:
    """Multiply the columns of (K, n) values, sorted by region, by the matrices of their regions."""
    exact: NDArray[Any] = values
    if max(float(values.max()), -float(values.min())) * np.sqrt(len(values)) > EXACT_LIMIT:
        exact = values.astype(np.float64)
    out = np.empty(values.shape, np.float32)
    for matrix, start, end in zip(rotations.astype(exact.dtype), [0, *ends[:-1]], ends, strict=True):
        multiply(matrix, exact[:, start:end], out[:, start:end])
    return out
