"""A coefficient stream taken apart, and no more: what decodes it comes after. FORMAT.md "Coefficient stream"."""

import struct
from itertools import accumulate, pairwise

from ... import c_module
from ...bits import EntropyError
from ...forks import importing
from ...zstd_frames import unzstd

HEADER = struct.Struct("<B3I")
WIDE, ZSTD, PACKED = 1, 2, 4  # bits of the kind
MAX_MODEL_BYTES = 1 << 20


def split_stream(data: bytes, n_components: int, n_bands: int) -> tuple[bool, bool, bytes, bytes, bytes]:
    """Take a stream apart.

    Args:
        data: A coefficient stream.
        n_components: K.
        n_bands: Bands of details.

    Returns:
        Whether codes are 32-bit, whether symbols are under zstd (else ANS), and the plain model section, the symbol
        section, the raw bits.

    Raises:
        EntropyError: the header does not fit, or the model section is not what its kind says.
    """
    if len(data) < HEADER.size:
        raise EntropyError(f"coefficient stream of {len(data)} bytes has no header")
    kind, *sizes = HEADER.unpack_from(data)
    if kind > WIDE | ZSTD | PACKED or sum(sizes) + HEADER.size != len(data):
        raise EntropyError(f"coefficient stream: kind {kind}, sections of {sizes} bytes in {len(data)}")
    model, coded, raw = (data[a:b] for a, b in pairwise(accumulate([HEADER.size, *sizes])))
    plain = unpack_model(model, n_components, n_bands) if kind & PACKED else unzstd(model, MAX_MODEL_BYTES)
    return bool(kind & WIDE), bool(kind & ZSTD), plain, coded, raw


def unpack_model(data: bytes, n_components: int, n_bands: int) -> bytes:
    """`packed_model.unpack_model`, natively where that is there."""
    if not c_module.IS_BUILT:
        with importing.raw:
            from . import packed_model  # what it takes is not loaded where nothing needs it

        return packed_model.unpack_model(data, n_components, n_bands)
    try:
        return c_module.native.unpack_model(data, n_components, n_bands)
    except ValueError as error:
        raise EntropyError(str(error)) from error
