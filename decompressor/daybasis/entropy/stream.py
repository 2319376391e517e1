"""Entropy decoder: bytes -> quantised wavelet coefficients of K maps (FORMAT.md "Coefficient stream").

First byte: kind. Bit 0: 32-bit coefficients, else 16-bit; bit 1: symbols under zstd, readable without `constriction`,
else ANS. Then 3 x u32 (little-endian), the sizes of the sections that follow: model (zstd), symbols, raw bits.
"""

import struct
from itertools import pairwise

import numpy as np

from .band_decoder import BandDecoder
from .bands import Bands, OnBand, Sites
from .symbol_decoder import SymbolDecoder, SymbolSource
from .symbols import EntropyError
from .tables import Tables, parse_tables
from .zstd_frame import unzstd
from .zstd_source import ZstdSource

HEADER = struct.Struct("<B3I")
WIDE, ZSTD = 1, 2  # bits of the kind
MAX_MODEL_BYTES = 1 << 20


def decode_bands(data: bytes, n_maps: int, sites: Sites, on_band: OnBand | None = None) -> Bands:
    """Decode the coefficients of one tile.

    Args:
        data: What encode_bands wrote.
        n_maps: K, count of component maps, >= 1.
        sites: Where coefficients are coded: (h, w) bool low band, then (lh, hl, hh) per level, coarse to fine.
        on_band: Told (level 1.., orientation, codes) of each detail band as soon as it is decoded.

    Returns:
        Low band (K, h, w) and one (lh, hl, hh) per level, int16 or int32 as the stream says; 0 outside the sites.

    Raises:
        EntropyError: The bytes are truncated or inconsistent. Flipped bits may give wrong integers: check a CRC first.
    """
    if len(data) < HEADER.size:
        raise EntropyError(f"coefficient stream of {len(data)} bytes has no header")
    kind, *sizes = HEADER.unpack_from(data)
    if kind > WIDE | ZSTD or sum(sizes) + HEADER.size != len(data):
        raise EntropyError(f"coefficient stream: kind {kind}, sections of {sizes} bytes in {len(data)}")
    ends = np.cumsum([HEADER.size, *sizes]).tolist()
    model, coded, raw = (data[a:b] for a, b in pairwise(ends))
    tables = parse_tables(unzstd(model, MAX_MODEL_BYTES), n_maps, 3 * (len(sites) - 1))
    dtype = np.dtype(np.int32 if kind & WIDE else np.int16)
    try:
        symbols = SymbolDecoder(tables, symbol_source(kind, tables, coded, n_maps, sites), raw)
        return BandDecoder(tables, symbols, n_maps, dtype).decode(sites, on_band)
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # a panic of the Rust coder: derives from BaseException
            raise EntropyError(f"ANS section: {error}") from error
        raise


def symbol_source(kind: int, tables: Tables, coded: bytes, n_maps: int, sites: Sites) -> SymbolSource:
    """The reader of the symbol section."""
    if kind & ZSTD:
        n_sites = int(np.asarray(sites[0]).sum()) + sum(int(s.sum()) for level in sites[1:] for s in level)
        return ZstdSource(tables, coded, n_maps * n_sites)
    try:  # imports constriction, which the other kind does without
        from .ans_source import AnsSource
    except ModuleNotFoundError as error:
        raise EntropyError(f"needs the package {error.name}: pip install {error.name}") from error

    return AnsSource(tables, coded)
