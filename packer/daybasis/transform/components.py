"""Which components of a day are worth coding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from todpack.decompressor.daybasis.transform.pyramid import in_coding_order

from ..quantize import RD_WEIGHT, to_steps
from ..tiles import Tile
from .forward import forward
from .klt import TemporalBasis

CANDIDATES = 400.0
"""Components with variances over q_step^2 / CANDIDATES are looked at."""
LONE_BITS = 14.0
"""Bits of a coefficient of one step in a map that has little else; measured on four days, docs/experiments.md."""
ENTRY_BITS = 6.0
"""Bits of an entry of the basis and what goes with it."""
LOUD = 12.0
"""Components with variances over q_step^2 / LOUD are kept, as long as all that they hold is worth their column: noise
that comes in where nothing of it is coded yet lets rate and error change smoothly with the step."""
REST = 0.1
"""Squared error, in squared steps, of a coefficient that is coded."""


def worthwhile_components(
    tiles: Sequence[Tile], basis: TemporalBasis, q_step: float, share: float, most: int
) -> TemporalBasis:
    """Keep the components whose coefficients save more error than they and their column of the basis cost.

    Variance does not tell: that of a component may be noise everywhere, or a shadow's edge in few places, which
    wavelets make cheap.

    Args:
        tiles: Those that are looked at.
        basis: All candidates.
        q_step: Width of a bin.
        share: Of all valid texels, what lies in these tiles.
        most: Keep at most so many, those that save most.
    """
    saved, energy = np.zeros((2, basis.matrix.shape[1]))
    for tile in tiles:
        if tile.pyramid is not None:
            maps = tile.maps(basis)
            energy += [float(np.square(component[tile.valid]).sum(dtype=np.float64)) for component in maps]
            for band in in_coding_order(to_steps(forward(maps, tile.pyramid), tile.pyramid, q_step)):
                saved += [_saved(component) for component in band]
    n_texels = sum(len(tile.days) for tile in tiles)
    column = RD_WEIGHT * ENTRY_BITS * len(basis.matrix) * share  # what it costs, in squared steps as what is saved
    kept = (saved > column) | (energy > q_step**2 * max(n_texels / LOUD, column))
    kept[0] = True
    ranks = np.argsort(np.argsort(np.where(kept, -saved, np.inf), kind="stable"), kind="stable")
    kept &= ranks < most
    return TemporalBasis(basis.matrix[:, kept], basis.offset, basis.frame_weights)


def _saved(values: np.ndarray) -> float:
    """What coding a map's band saves, in squared steps."""
    magnitudes = np.abs(values[np.abs(values) > 0.5])
    gains = magnitudes**2 - REST - RD_WEIGHT * (LONE_BITS + 2 * np.log2(np.maximum(magnitudes, 1)))
    return float(np.maximum(gains, 0).sum(dtype=np.float64))
