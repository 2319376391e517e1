"""Where the refinement starts: coefficients of the closed form, rounded with a dead zone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from todpack.decompressor.daybasis.transform.rotations import Regions, rotate_bands
from todpack.packer.daybasis.tiles import Tile
from todpack.packer.daybasis.transform.forward import forward
from todpack.packer.daybasis.transform.klt import TemporalBasis

ROUNDING = 0.35
"""A magnitude r starts as floor(r + ROUNDING)."""


USUAL_SHARE = 0.06
"""Share of nonzero detail codes at which a component keeps the common step."""
OCTAVES = 2.5
"""Octaves of that share over which the step goes to its bounds."""


def component_gains(codes: Sequence[list[Any]], sites: Sequence[Any], spread: float) -> np.ndarray:
    """(K,) factors on the step of each component: dense ones coarser, sparse ones finer.

    What a dead zone takes is felt most where few codes are left. A map may be divided by any factor if its column of
    the temporal matrix is multiplied by it, so steps of their own cost no change of the format.

    Args:
        codes: Of each tile at equal steps, see `first_codes`.
        sites: Of each tile's pyramid.
        spread: Factors are within 1 - spread and 1 + spread.
    """
    nonzero, n_sites = np.zeros(len(codes[0][0])), 0
    for bands, places in zip(codes, sites, strict=True):
        for level, band in enumerate(bands[1:], 1):
            nonzero += sum((orientation != 0).sum((1, 2)) for orientation in band)
            n_sites += sum(int(site.sum()) for site in places[level])
    share = np.maximum(nonzero / max(n_sites, 1), 1e-9)
    return 1 + spread * np.clip(np.log2(share / USUAL_SHARE) / OCTAVES, -1, 1)


def first_codes(tile: Tile, basis: TemporalBasis, gains: np.ndarray, regions: Regions, q_step: float) -> list[Any]:
    """Codes of one tile, float32 bands coarse to fine.

    Args:
        tile: With a valid texel.
        basis: Of the transform; its maps are divided by `gains`.
        gains: (K,).
        regions: Of the tile.
        q_step: Width of a bin.
    """
    pyramid = tile.pyramid
    assert pyramid is not None
    bands = forward(tile.maps(basis) / gains.astype(np.float32)[:, None, None], pyramid)
    inverse = np.float32(1 / q_step)
    steps: list[Any] = [bands[0] * (inverse / pyramid.step_scale[0])]
    for level, scales in zip(bands[1:], pyramid.step_scale[1:], strict=True):
        steps.append(tuple(band * (inverse / scale) for band, scale in zip(level, scales, strict=True)))
    back = np.asarray(np.linalg.inv(regions.rotations), np.float64)
    steps = rotate_bands(steps, pyramid.sites, regions.blocks, back)
    return [np.rint(steps[0]), *(tuple(_round(band) for band in level) for level in steps[1:])]


def _round(band: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(band) * np.floor(np.abs(band) + np.float32(ROUNDING)), np.float32)
