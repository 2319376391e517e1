"""Encode the validity mask; decompressor/mask.py reads it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from todpack.decompressor.mask import ADAPTIVE, COLUMNS, PACKED, ROWS, corner_runs
from todpack.decompressor.packed_mask import MOST_TEXELS, walk_mask

from .adaptive_bits import AdaptiveEncoder
from .archive_writer import deflate

LARGE_MASK = 1 << 24  # texels; of larger ones a bitmap takes long to compress, and wins where there are no charts only


def encode_mask(valid: np.ndarray) -> bytes:
    """Kind byte and payload of an (H, W) bool mask: in adaptive bits; of a large one, of the others the smallest."""
    if valid.size <= MOST_TEXELS:
        return bytes([ADAPTIVE]) + _in_adaptive_bits(valid.tobytes(), valid.shape[1])
    kinds = {ROWS: corner_runs(valid), COLUMNS: corner_runs(valid.T)}
    if valid.size <= LARGE_MASK or min(map(len, kinds.values())) > valid.size // 8:
        kinds[PACKED] = np.packbits(valid).tobytes()
    coded = [bytes([kind]) + payload for kind, payload in kinds.items()]
    return min(coded, key=lambda data: len(deflate(data)))


@lru_cache(maxsize=1)  # a search of the step asks for the same one again and again
def _in_adaptive_bits(texels: bytes, width: int) -> bytes:
    rows = np.pad(np.frombuffer(texels, np.uint8).reshape(-1, width), ((0, 0), (2, 2)))
    coder = AdaptiveEncoder()
    walk_mask(coder, [bytearray(row) for row in rows], width)
    return coder.finish()
