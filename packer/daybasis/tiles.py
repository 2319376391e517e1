"""A day cut into tiles that are transformed independently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from todpack.decompressor.daybasis.transform.pyramid import Pyramid, build_pyramid
from todpack.frames import Day

from .transform.klt import TemporalBasis


@dataclass(frozen=True)
class Tile:
    """One tile of a day.

    Attributes:
        rows: Of the lightmap.
        columns: Of the lightmap.
        pyramid: The transform of the tile's mask; None where no texel is valid.
        days: (N, 3T) float32, its valid texels in raster order; column 3 t + c is channel c at time t.
    """

    rows: slice
    columns: slice
    pyramid: Pyramid | None
    days: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w) of the tile."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def maps(self, basis: TemporalBasis) -> np.ndarray:
        """(K, h, w) float32 coefficients in a basis, 0 at invalid texels."""
        assert self.pyramid is not None
        valid = self.pyramid.valid
        maps = np.zeros((basis.matrix.shape[1], *valid.shape), np.float32)
        maps[:, valid] = basis.analyze(self.days).T
        return maps


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The rows of all parts; a single part is taken as it is, because copies of days are what memory goes to."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def cut_tiles(sequence: Day, side: int, n_levels: int) -> list[Tile]:
    """Cut a day into tiles of `side` texels, row by row; the last ones may be smaller."""
    tiles = []
    for top in range(0, sequence.height, side):
        for left in range(0, sequence.width, side):
            rows, columns = slice(top, min(top + side, sequence.height)), slice(left, min(left + side, sequence.width))
            valid = np.ascontiguousarray(sequence.valid[rows, columns])
            days = (
                sequence.radiance[:, rows, columns][:, valid]
                .transpose(1, 0, 2)
                .reshape(int(valid.sum()), 3 * sequence.n_frames)
            )
            pyramid = build_pyramid(valid, n_levels) if valid.any() else None
            tiles.append(Tile(rows, columns, pyramid, np.ascontiguousarray(days, np.float32)))
    return tiles
