"""Types of the coefficients of one tile: low band (K, h, w), then (lh, hl, hh) per level, coarse to fine."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

IntArray: TypeAlias = npt.NDArray[np.integer]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
Level: TypeAlias = tuple[IntArray, IntArray, IntArray]
Bands: TypeAlias = list[IntArray | Level]
Sites: TypeAlias = Sequence[BoolArray | tuple[BoolArray, BoolArray, BoolArray]]
"""The same structure without K: where a coefficient is coded; elsewhere it is 0 and costs nothing."""
OnBand: TypeAlias = Callable[[int, int, IntArray], None]
"""Told (level 1.., orientation, codes (K, h, w)) of each detail band in coding order."""
