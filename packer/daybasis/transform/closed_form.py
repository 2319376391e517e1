"""The temporal transform in closed form: KLT, sparse rotation, regional rotations. numpy and scipy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from todpack.decompressor.daybasis.transform.rotations import BLOCK, SKEW_SCALE

from ..config import DayBasisConfig
from ..single_blas import single_blas
from ..tiles import Tile, joined
from .forward import forward
from .klt import TemporalBasis, fit_klt
from .neighborhoods import gather_neighborhoods
from .region_fit import fit_regions, skew_of_rotation
from .rotation import sparse_rotation

TEXELS_PER_CLASS = 4000  # a class costs about 200 bytes of side information


@dataclass(frozen=True)
class TemporalTransform:
    """What is found of a day before anything is quantised.

    Attributes:
        basis: The common basis.
        classes: Per tile, (ceil(h / BLOCK), ceil(w / BLOCK)) uint8 class of each block.
        skew_codes: (n_classes, K (K - 1) / 2) int64 regional rotations, see decompressor/daybasis/regions.py.
    """

    basis: TemporalBasis
    classes: tuple[np.ndarray, ...]
    skew_codes: np.ndarray


def _neighborhoods(tiles: Sequence[Tile], basis: TemporalBasis, q_step: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Values (4, M, K) and places (M, 2) of each tile; tiles without valid texels give none."""
    found = []
    for tile in tiles:
        if tile.pyramid is None:
            found.append((np.zeros((4, 0, basis.matrix.shape[1]), np.float32), np.zeros((0, 2), np.int64)))
        else:
            found.append(gather_neighborhoods(forward(tile.maps(basis), tile.pyramid), tile.pyramid, q_step))
    return found


@single_blas
def find_transform(tiles: Sequence[Tile], config: DayBasisConfig, q_step: float | None = None) -> TemporalTransform:
    """Find the temporal transform of a day.

    Args:
        tiles: Of one lightmap, at least one with a valid texel.
        config: See there.
        q_step: Width of a bin; None takes the configuration's.
    """
    step = config.q_step if q_step is None else q_step
    basis = fit_klt(joined([tile.days for tile in tiles]), step)
    if config.rotate and basis.matrix.shape[1] > 1:
        groups = np.concatenate([values for values, _ in _neighborhoods(tiles, basis, step)], axis=1)
        basis = basis.rotate(sparse_rotation(groups))
    shapes = [(-(-t.shape[0] // BLOCK), -(-t.shape[1] // BLOCK)) for t in tiles]
    n_classes = min(config.max_classes, max(1, sum(len(t.days) for t in tiles) // TEXELS_PER_CLASS))
    if n_classes < 2 or basis.matrix.shape[1] < 2:
        none = np.zeros((1, basis.matrix.shape[1] * (basis.matrix.shape[1] - 1) // 2), np.int64)
        return TemporalTransform(basis, tuple(np.zeros(shape, np.uint8) for shape in shapes), none)
    values, blocks, first = [], [], 0
    for (groups, places), (rows, columns) in zip(_neighborhoods(tiles, basis, step), shapes, strict=True):
        values.append(groups)
        row, column = np.minimum(places[:, 0] // BLOCK, rows - 1), np.minimum(places[:, 1] // BLOCK, columns - 1)
        blocks.append(first + row * columns + column)
        first += rows * columns
    found, rotations = fit_regions(np.concatenate(values, axis=1), np.concatenate(blocks), first, n_classes)
    ends = np.cumsum([rows * columns for rows, columns in shapes])[:-1]
    skews = np.stack([skew_of_rotation(rotation) for rotation in rotations])
    return TemporalTransform(
        basis,
        tuple(part.reshape(shape) for part, shape in zip(np.split(found, ends), shapes, strict=True)),
        np.rint(skews * SKEW_SCALE).astype(np.int64),
    )
