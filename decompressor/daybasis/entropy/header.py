"""A coefficient stream taken apart, and no more: what decodes it comes after. FORMAT.md "Coefficient stream"."""

import struct
from itertools import accumulate, pairwise

from ...bits import EntropyError
from ...zstd_frames import unzstd

HEADER = struct.Struct("<B3I")
WIDE, ZSTD = 1, 2  # bits of the kind
MAX_MODEL_BYTES = 1 << 20


def split_stream(data: bytes) -> tuple[bool, bool, bytes, bytes, bytes]:
    """Take a stream apart.

    Returns:
        Whether codes are 32-bit, whether symbols are under zstd (else ANS), and the model section, decompressed, the
        symbol section, the raw bits.

    Raises:
        EntropyError: the header does not fit, or the model section is no zstd frame.
    """
    if len(data) < HEADER.size:
        raise EntropyError(f"coefficient stream of {len(data)} bytes has no header")
    kind, *sizes = HEADER.unpack_from(data)
    if kind > WIDE | ZSTD or sum(sizes) + HEADER.size != len(data):
        raise EntropyError(f"coefficient stream: kind {kind}, sections of {sizes} bytes in {len(data)}")
    model, coded, raw = (data[a:b] for a, b in pairwise(accumulate([HEADER.size, *sizes])))
    return bool(kind & WIDE), bool(kind & ZSTD), unzstd(model, MAX_MODEL_BYTES), coded, raw
