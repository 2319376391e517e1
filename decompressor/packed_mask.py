"""Masks in adaptive bits, texel by texel. FORMAT.md "Packed mask"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import c_module
from .adaptive_bits import AdaptiveCoder, AdaptiveDecoder, Model

MOST_TEXELS = 1 << 20
N_NEAR, N_WIDE = 16, 1 << 12


def walk_mask(coder: AdaptiveCoder, rows: Sequence[bytearray], width: int) -> None:
    """Code the texels, 0 or 1; a decoder puts them there.

    Args:
        coder: Where they go or come from.
        rows: With two zeros before and after the texels of a row.
        width: Texels of a row.
    """
    repeats, near, wide = Model(), [Model() for _ in range(N_NEAR)], list[Model | None]([None]) * N_WIDE
    nothing = bytearray(width + 4)
    for y, row in enumerate(rows):
        third, second, above = (rows[y - back] if y >= back else nothing for back in (3, 2, 1))
        if coder.bit(repeats, row == above):
            row[:] = above
            continue
        left = 0  # the last three texels
        for x in range(2, width + 2):
            over = above[x - 2] << 4 | above[x - 1] << 3 | above[x] << 2 | above[x + 1] << 1 | above[x + 2]
            higher = second[x - 1] << 2 | second[x] << 1 | second[x + 1]
            common = near[left & 1 | over & 14]
            model = wide[place := third[x] << 11 | higher << 8 | over << 3 | left]
            if model is None:
                model = wide[place] = common.copy_once()
            bit = row[x] = coder.bit(model, row[x])
            common.learn(bit)
            left = (left << 1 | bit) & 7


def unpack_texels(data: bytes, height: int, width: int) -> NDArray[np.bool_]:
    """Decode a mask of at most MOST_TEXELS.

    Raises:
        ValueError: it has more.
    """
    if height * width > MOST_TEXELS:
        raise ValueError(f"expected a packed mask of at most {MOST_TEXELS} texels, found {height * width}")
    if c_module.IS_BUILT:
        return np.frombuffer(c_module.native.unpack_texels(data, height, width), np.bool_).reshape(height, width)
    rows = [bytearray(width + 4) for _ in range(height)]
    walk_mask(AdaptiveDecoder(data), rows, width)
    return np.array([np.frombuffer(row, np.bool_)[2:-2] for row in rows])
