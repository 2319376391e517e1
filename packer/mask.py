"""Encode the validity mask; decompressor/mask.py reads it."""

from __future__ import annotations

import numpy as np

from todpack.decompressor.mask import COLUMNS, PACKED, ROWS, corner_runs

from .archive_writer import deflate

LARGE_MASK = 1 << 24  # texels; of larger ones a bitmap takes long to compress, and wins where there are no charts only


def encode_mask(valid: np.ndarray) -> bytes:
    """Kind byte and payload of an (H, W) bool mask, of the three kinds the one that compresses best."""
    kinds = {ROWS: corner_runs(valid), COLUMNS: corner_runs(valid.T)}
    if valid.size <= LARGE_MASK or min(map(len, kinds.values())) > valid.size // 8:
        kinds[PACKED] = np.packbits(valid).tobytes()
    coded = [bytes([kind]) + payload for kind, payload in kinds.items()]
    return min(coded, key=lambda data: len(deflate(data)))
