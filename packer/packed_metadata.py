"""Pack metadata.json; decompressor/packed_metadata.py reads it."""

from __future__ import annotations

import json

from todpack.decompressor.bits import EntropyError
from todpack.decompressor.container import PACKED
from todpack.decompressor.packed_metadata import MetadataWalk, unpack_metadata

from .adaptive_bits import AdaptiveEncoder


def pack_metadata(text: bytes) -> bytes | None:
    """metadata.json in adaptive bits; None where it has something that these do not."""
    coder = AdaptiveEncoder()
    try:
        MetadataWalk(coder, json.loads(text)).walk()
        packed = PACKED + coder.finish()
        return packed if unpack_metadata(packed) == text else None
    except (EntropyError, KeyError, IndexError, TypeError, ValueError, AttributeError):
        return None
