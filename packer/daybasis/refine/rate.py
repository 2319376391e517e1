"""R, what the coder will pay, measured on the codes themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..rdoq import LAST

TABLE_BITS = 8 * 750
"""The tables of a stream, about."""
MEAN_CODE_BITS = 5.0
"""The mean magnitude of a band of a component, about."""


def side_bits(bands: Sequence[Any], sites: Sequence[Any]) -> float:
    """Estimate of what is coded besides: low band (differences along its sites), large details, tables, mean codes."""
    low = bands[0][:, sites[0]]
    magnitudes = np.abs(np.diff(low, axis=1, prepend=0)).mean(1)
    bits = (low.shape[1] * np.log2(1 + 2 * math.e * magnitudes)).sum()
    for band in (band for level in bands[1:] for band in level):
        excess = np.abs(band[np.abs(band) >= LAST]) - LAST
        bits += excess.size * math.log2(math.e * (1 + float(excess.mean()))) if excess.size else 0.0
    return float(bits) + TABLE_BITS + MEAN_CODE_BITS * 3 * (len(bands) - 1) * len(low)
