"""Neighborhoods of detail coefficients, the data that the sparse rotation is fitted to."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from todpack.decompressor.daybasis.transform.pyramid import Pyramid


def gather_neighborhoods(
    bands: Sequence[Any], pyramid: Pyramid, q_step: float
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Collect all 2 x 2 blocks of detail sites.

    Args:
        bands: Coefficients as `forward` returns them.
        pyramid: Of the same mask.
        q_step: Width of a quantizer bin at sites of step scale 1.

    Returns:
        values (4, M, K) float32 in units of each site's own step; blocks with a missing site are left out.
        places (M, 2) int64: row and column of each block's first sample, in texels.
    """
    values, places = [], []
    for index in range(1, len(bands)):
        stride = 1 << (len(bands) - index)
        for band, site, scale in zip(bands[index], pyramid.sites[index], pyramid.step_scale[index], strict=True):
            whole = np.logical_and.reduce(_corners(site))
            inverse_step = _corners(np.float32(1 / q_step) / scale)
            corners = [c[:, whole] * s[whole] for c, s in zip(_corners(band), inverse_step, strict=True)]
            values.append(np.stack(corners).transpose(0, 2, 1))
            places.append(np.argwhere(whole) * (2 * stride))
    return np.concatenate(values, 1), np.concatenate(places)


def _corners(grid: NDArray[Any]) -> list[NDArray[Any]]:
    h, w = grid.shape[-2] // 2 * 2, grid.shape[-1] // 2 * 2
    return [grid[..., row:h:2, column:w:2] for row in (0, 1) for column in (0, 1)]
