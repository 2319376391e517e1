"""Encode the validity mask; decompressor/mask.py reads it."""

from __future__ import annotations

import numpy as np

from decompressor.mask import COLUMNS, PACKED, ROWS, corner_runs
from packer.container import deflate


def encode_mask(valid: np.ndarray) -> bytes:
    """Kind byte and payload of an (H, W) bool mask, of the three kinds the one that compresses best."""
    kinds = {ROWS: corner_runs(valid), COLUMNS: corner_runs(valid.T), PACKED: np.packbits(valid).tobytes()}
    coded = [bytes([kind]) + payload for kind, payload in kinds.items()]
    return min(coded, key=lambda data: len(deflate(data)))
