"""Where the refinement starts: coefficients of the closed form, rounded with a dead zone."""

from __future__ import annotations

from typing import Any

import numpy as np

from decompressor.daybasis.regions import Regions, turn_bands
from trainer.daybasis.analysis import forward
from trainer.daybasis.klt import TemporalBasis
from trainer.daybasis.tiles import Tile

ROUNDING = 0.35
"""A magnitude r starts as floor(r + ROUNDING)."""


def component_gains(n_components: int, spread: float) -> np.ndarray:
    """(K,) factors on the step of each component, ordered by falling rate: strong ones coarser, weak ones finer.

    A map may be divided by any factor if its column of the temporal matrix is multiplied by it, so steps of their own
    cost no change of the format.
    """
    return np.linspace(1 + spread, 1 - spread, n_components)


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
    back = np.asarray(np.linalg.inv(regions.turns), np.float64)
    steps = turn_bands(steps, pyramid.sites, back, regions)
    return [np.rint(steps[0]), *(tuple(_round(band) for band in level) for level in steps[1:])]


def _round(band: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(band) * np.floor(np.abs(band) + np.float32(ROUNDING)), np.float32)
