"""Products of matrices in parts, so small that BLAS starts no threads for them, which wait for each other.

A fork waits for each part: BLAS has locks of its own too, which a child would find held for ever.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..forks import multiplying

SMALL_PRODUCT = 1 << 18
"""Multiplications in one matrix product at most: larger ones make OpenBLAS start threads."""


def multiply(matrix: NDArray[Any], columns: NDArray[Any], out: NDArray[np.float32]) -> None:
    """matrix (m, k) times columns (k, n), into (m, n) float32."""
    chunk = max(1, SMALL_PRODUCT // matrix.size)
    for first in range(0, columns.shape[1], chunk):
        some = slice(first, first + chunk)
        with multiplying.raw:
            np.matmul(matrix, columns[:, some], out=out[:, some], casting="same_kind")
