"""Code one lightmap: quantise its maps, round for rate and distortion, refit the basis to what the decoder sees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from todpack.decompressor.daybasis.temporal.basis_codes import dequantize_basis
from todpack.decompressor.daybasis.transform.lifting import inverse
from todpack.decompressor.daybasis.transform.rotations import Regions, restore_bands, turn_bands, turns_of_codes
from todpack.decompressor.daybasis.transform.smoothing import Smoother, Smoothing
from todpack.decompressor.daybasis.transform.snapping import snap_to_grid
from todpack.trainer.daybasis.refine.refined import RefinedLightmap

from .affine import refit_affine
from .basis_quantization import quantize_basis
from .gaps import choose_gap_modes
from .quantization import CentroidFit, quantize, to_steps
from .radiance import Coding
from .rate_rounding import round_with_contexts
from .single_blas import single_blas
from .streams import encode_coefficients
from .tiled_psnr import tiled_psnr_db
from .tiles import Tile, joined
from .transform.closed_form import TemporalTransform
from .transform.forward import forward
from .transform.klt import TemporalBasis

MANTISSA_BITS = 24
FIRST_CENTROIDS = (0.0, 0.0625)
HEADROOM_BITS = 1  # interpolated matrices may reach a little beyond the stored ones


@dataclass(frozen=True)
class CodedLightmap:
    """One lightmap in codes.

    Attributes:
        streams: Coefficients of each tile; empty bytes where no texel is valid.
        basis_codes: (T, 3, K + 1) int64, see basis_codes.py.
        exponents: (K + 1,) int64 of the basis columns and the offset.
        precision: P, see decoder.py.
        centroids: Reconstruction points.
        smoothing: Of the decoded maps, None without.
        gap_modes: One letter per stored time.
        q_step: Width of a bin.
        psnr_db: Of what the decoder gives at the stored times: `psnr_srgb_db` of 8-bit signals, else `psnr_linear_db`.
        frame_mse: (T,) mean squared error of each time over valid texels and channels, in the coding domain; of rounded
            codes where the signal is 8-bit.
    """

    streams: tuple[bytes, ...]
    basis_codes: np.ndarray
    exponents: np.ndarray
    precision: int
    centroids: tuple[float, float]
    smoothing: Smoothing | None
    gap_modes: str
    q_step: float
    psnr_db: float
    frame_mse: np.ndarray

    @property
    def mse(self) -> float:
        """Mean of `frame_mse`."""
        return float(self.frame_mse.mean())


def choose_precision(matrix: np.ndarray, offset: np.ndarray, maps: np.ndarray, reserve: float = 1.0) -> int:
    """The finest P at which every sum of products is exact in float32.

    Args:
        matrix: (3T, K) basis, before it is quantised.
        offset: (3T,).
        maps: (N, K) decoded coefficients.
        reserve: Added to the largest sum.

    Returns:
        P: products are multiples of 2^-P, and sums of magnitudes stay under 2^(24 - P).
    """
    weights = np.abs(matrix).T.astype(np.float32)
    reach = max(float((np.abs(part) @ weights).max()) for part in np.array_split(maps, max(1, len(maps) // 65536)))
    return precision_of(reach + float(np.abs(offset).max()) + reserve)


def precision_of(largest: float) -> int:
    """The finest P where no sum of magnitudes is over `largest`."""
    finest = MANTISSA_BITS - HEADROOM_BITS - math.ceil(math.log2(largest))
    return int(min(finest, 40))


def round_tile(
    tile: Tile, basis: TemporalBasis, region: Regions, q_step: float, rd_weight: float
) -> tuple[list[Any], list[Any]]:
    """Coefficients of a tile with valid texels in steps, and their codes, rounded for rate and distortion."""
    pyramid = tile.pyramid
    assert pyramid is not None
    turned_back = np.asarray(np.linalg.inv(region.turns), np.float64)
    plain = to_steps(forward(tile.maps(basis), pyramid), pyramid, q_step)
    steps = turn_bands(plain, pyramid.sites, turned_back, region)
    codes = quantize(steps)
    if rd_weight > 0.0:
        codes = round_with_contexts(steps, codes, pyramid.sites, rd_weight, FIRST_CENTROIDS)
    return steps, codes


def _rounded(
    tiles: Sequence[Tile], basis: TemporalBasis, regions: Sequence[Regions], q_step: float, rd_weight: float
) -> tuple[list[Any], tuple[float, float]]:
    """Codes of each tile, rounded for rate and distortion, and the reconstruction points they share."""
    codes, fit = [], CentroidFit()
    for tile, region in zip(tiles, regions, strict=True):
        steps, rounded = round_tile(tile, basis, region, q_step, rd_weight)
        fit.add(steps, rounded)
        codes.append(rounded)
    return codes, fit.centroids()


@single_blas
def encode_lightmap(
    tiles: Sequence[Tile],
    found: TemporalTransform,
    q_step: float,
    *,
    hours: np.ndarray,
    rd_weight: float,
    entropy: str,
    coding: Coding | None,
    smoothing: Smoothing | None = None,
    refined: RefinedLightmap | None = None,
) -> CodedLightmap:
    """Code the tiles of one lightmap in a given temporal transform.

    Args:
        tiles: Of the lightmap.
        found: From `find_transform`.
        q_step: Width of a bin.
        hours: (T,) stored times.
        rd_weight: Squared steps that one bit is worth in rounding; 0 rounds plainly.
        entropy: "ans" or "zstd".
        coding: The domain of the tiles' values; None for 8-bit codes, which the decoder rounds and clips.
        smoothing: Of the decoded maps; refined codes bring their own.
        refined: Codes to take instead of rounding here, made for this step and transform.

    Raises:
        PackError: the coder's package is not installed.
    """
    used = [tile for tile in tiles if tile.pyramid is not None]
    pyramids = [tile.pyramid for tile in used if tile.pyramid is not None]
    turns = turns_of_codes(found.skew_codes, found.basis.matrix.shape[1])
    regions = [Regions(c, turns) for c, t in zip(found.classes, tiles, strict=True) if t.pyramid is not None]
    if refined is not None:
        codes, centroids, smoothing = list(refined.codes), refined.centroids, refined.smoothing
    else:
        codes, centroids = _rounded(used, found.basis, regions, q_step, rd_weight)
    maps = [
        inverse(restore_bands(c, p.sites, r, centroids), p, q_step)
        for c, p, r in zip(codes, pyramids, regions, strict=True)
    ]
    if smoothing is not None:
        for tile_maps, pyramid in zip(maps, pyramids, strict=True):
            Smoother(smoothing, pyramid.valid, q_step).apply(tile_maps)
    decoded = joined([m[:, p.valid].T for m, p in zip(maps, pyramids, strict=True)])
    days = joined([tile.days for tile in used])
    matrix, offset = refit_affine(decoded, days)
    rest = _affine(decoded, matrix, offset)
    rest -= days
    rough = float(np.mean(np.square(rest, out=rest)))
    energy = np.square(decoded, dtype=np.float64).mean(axis=0)
    del rest
    n_hours = days.shape[1] // 3
    scales = np.ones(n_hours) if coding is None else coding.frame_scales
    matrix, offset = matrix / np.repeat(scales, 3)[:, None], offset / np.repeat(scales, 3)
    precision = choose_precision(matrix, offset, decoded, 1.0 if coding is None else 1e-6)
    allowed = max(rough, 1e-6) / float(np.mean(scales**2))
    basis_codes, exponents = quantize_basis(matrix, offset, energy, allowed, precision)
    matrix, offset = dequantize_basis(basis_codes, exponents)
    for tile_maps in maps:
        snap_to_grid(tile_maps, exponents[:-1], precision)
    decoded = joined([m[:, p.valid].T for m, p in zip(maps, pyramids, strict=True)])
    del maps
    values = _affine(decoded, matrix, offset)
    del decoded
    if coding is None:
        np.clip(np.rint(values, out=values), 0, 255, out=values)
        frame_mse = _frame_mse(values, days)
        mse = float(frame_mse.mean())
        psnr_db = math.inf if mse == 0.0 else 10.0 * math.log10(255.0**2 / mse)
    else:
        frame_mse = _frame_mse(values * np.repeat(scales, 3).astype(np.float32), days)
        psnr_db = float(np.nanmean(tiled_psnr_db(used, values, coding)))
    del values, days
    streams = iter([encode_coefficients(c, p.sites, entropy) for c, p in zip(codes, pyramids, strict=True)])
    return CodedLightmap(
        streams=tuple(b"" if tile.pyramid is None else next(streams) for tile in tiles),
        basis_codes=basis_codes,
        exponents=exponents,
        precision=precision,
        centroids=centroids,
        smoothing=smoothing,
        gap_modes=choose_gap_modes(matrix.reshape(n_hours, -1), np.tile(energy, 3), hours),
        q_step=q_step,
        psnr_db=psnr_db,
        frame_mse=frame_mse,
    )


def _affine(decoded: np.ndarray, matrix: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """(N, 3T) float32 values of decoded coefficients."""
    values: np.ndarray = decoded @ matrix.T.astype(np.float32)
    values += offset.astype(np.float32)
    return values


def _frame_mse(values: np.ndarray, days: np.ndarray) -> np.ndarray:
    """(T,) float64; frame by frame, because all squares at once are the largest array there would be."""
    frames = [slice(first, first + 3) for first in range(0, days.shape[1], 3)]
    return np.array([np.square((values[:, f] - days[:, f]).astype(np.float64)).mean(0).mean() for f in frames])
