"""Entropy decoder: bytes -> quantized wavelet coefficients of K maps (FORMAT.md "Coefficient stream").

Each band is coded in two checkerboard phases, each phase for all components at once: contexts give every coefficient a
fine class, coefficients are sorted by it (stable), and each significance class, a run of fine classes, is one run of
bits. Per phase: the significance bits, then the magnitudes of the nonzero coefficients, then their signs.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ...bits import BitReader, EntropyError, unzigzag
from ...errors import MissingPackageError, missing_package
from ...forks import importing
from ..transform.pyramid import Bands, IntArray, Sites, nested
from .contexts import N_SIGN_CLASSES, ContextState
from .header import split_stream
from .quincunx import PHASES, Phase, plain_index
from .symbols import MAX_DETAIL, N_DIRECT, TOKEN_BASE, TOKEN_RAW_BITS
from .tables import LOW, SIGNS, Tables, parse_tables
from .zstd import ZstdSource

ByteArray = npt.NDArray[np.uint8]
Int64Array = npt.NDArray[np.int64]

BISECTED = 1 << 17


class SymbolSource(Protocol):
    """Where coded symbols come from, each kind in its own order: ans.py, zstd.py."""

    def bits(self, group: int, index: int, count: int) -> ByteArray:
        """Next bits (0 or 1) of a class; group is a phase (significance) or SIGNS."""

    def tokens(self, table: int, count: int) -> npt.NDArray[np.int32]:
        """Next tokens of a magnitude table, or of the low band (table LOW)."""


def decode_bands(data: bytes, n_components: int, sites: Sites) -> Bands:
    """Decode the coefficients of one tile.

    Args:
        data: A coefficient stream.
        n_components: K, count of component maps, >= 1.
        sites: Where coefficients are coded: (h, w) bool low band, then (lh, hl, hh) per level, coarse to fine.

    Returns:
        Low band (K, h, w) and one (lh, hl, hh) per level, int16 or int32 as the stream says; 0 outside the sites.

    Raises:
        EntropyError: The bytes are truncated or inconsistent. Flipped bits may give wrong integers: check a CRC first.
    """
    return nested(list(iter_bands(data, n_components, sites)))


def iter_bands(data: bytes, n_components: int, sites: Sites) -> Iterator[IntArray]:
    """`decode_bands`, band by band as they are decoded: the low band, then lh, hl, hh of each level, coarse to fine."""
    n_bands = 3 * (len(sites) - 1)
    is_wide, is_plain, model, coded, raw = split_stream(data, n_components, n_bands)
    tables = parse_tables(model, n_components, n_bands)
    dtype = np.dtype(np.int32 if is_wide else np.int16)
    try:
        symbols = _SymbolDecoder(tables, _symbol_source(is_plain, tables, coded, n_components, sites), raw)
        yield from _bands(tables, symbols, sites, dtype)
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # a panic of the Rust coder: derives from BaseException
            raise EntropyError(f"ANS section: {error}") from error
        raise


def _symbol_source(is_plain: bool, tables: Tables, coded: bytes, n_components: int, sites: Sites) -> SymbolSource:
    """The reader of the symbol section."""
    if is_plain:
        n_sites = int(np.asarray(sites[0]).sum()) + sum(int(s.sum()) for level in sites[1:] for s in level)
        return ZstdSource(tables, coded, n_components * n_sites)
    try:  # imports constriction, which the other kind does without
        with importing.raw:
            from .ans import AnsSource
    except ModuleNotFoundError as error:
        raise MissingPackageError(f"streams of ANS need {missing_package(error)}") from error

    return AnsSource(tables, coded)


def _bands(tables: Tables, symbols: "_SymbolDecoder", sites: Sites, dtype: np.dtype[Any]) -> Iterator[IntArray]:
    """All bands in coding order."""
    yield _low_band(tables, symbols, np.asarray(sites[0]), dtype)
    context, coarser = ContextState(len(sites) - 1), list[IntArray]()
    for level, level_sites in enumerate(sites[1:], start=1):
        context.begin_level(level, [np.abs(band).astype(np.uint32) for band in coarser])
        coarser = []
        for orientation, band_sites in enumerate(level_sites):
            mean_codes = tables.mean_codes[3 * (level - 1) + orientation]
            context.begin_band(orientation, band_sites, mean_codes)
            coarser.append(_detail_band(context, symbols, band_sites.shape, mean_codes, dtype))
            yield coarser[-1]


def _low_band(
    tables: Tables, symbols: "_SymbolDecoder", sites: npt.NDArray[np.bool_], dtype: np.dtype[Any]
) -> IntArray:
    """(K, h, w): values, or differences along the sites of each map."""
    values = symbols.low_values(tables.low_rice, int(sites.sum()))
    if tables.low_predicted:
        values = np.cumsum(values, axis=1)
    largest = np.iinfo(dtype).max
    if max(values.max(initial=0), -values.min(initial=0)) > largest:
        raise EntropyError(f"a low code is over {largest}")
    out = np.zeros((len(values), *sites.shape), dtype)
    out[:, sites] = values
    return out


def _detail_band(
    context: ContextState,
    symbols: "_SymbolDecoder",
    shape: tuple[int, ...],
    mean_codes: Int64Array,
    dtype: np.dtype[Any],
) -> IntArray:
    """(K, h, w), one orientation of one level."""
    largest = min(MAX_DETAIL, np.iinfo(dtype).max)
    height, width = shape
    half = mean_codes.size, height, (width + 1) // 2  # of a phase
    out = np.zeros((*half[:2], 2 * half[2]), dtype)
    for phase in PHASES:
        values = np.zeros(half, dtype)
        if out.size and mean_codes.any():
            positions, magnitudes = symbols.nonzeros(context.classes(phase).ravel(), phase)
            if magnitudes.max(initial=0) > largest:
                raise EntropyError(f"a detail code of {magnitudes.max()} is over {largest}")
            signed = symbols.signed(magnitudes, context.sign_score(phase, positions))
            values.ravel()[positions] = signed
            out.ravel()[plain_index(positions, half, phase)] = signed
        context.put(phase, values)
    return out[..., :width]


class _SymbolDecoder:
    """Reads the symbols of one stream in coding order: significance bits by class, magnitudes, signs."""

    def __init__(self, tables: Tables, source: SymbolSource, raw: bytes) -> None:
        self.source = source
        self.raw = BitReader(raw)
        self.limits = [tables.limits(phase) for phase in PHASES]
        self.magnitude_ends = [tables.magnitude_ends(phase) for phase in PHASES]

    def nonzeros(self, classes: ByteArray, phase: Phase) -> tuple[npt.NDArray[np.intp], Int64Array]:
        """Nonzero coefficients of one phase: flat positions and magnitudes, in coding order."""
        order = np.argsort(classes, kind="stable")
        ends = _class_ends(classes, order, self.limits[phase])
        nonzero = np.flatnonzero(self.bits(phase, ends).view(np.bool_))
        counts = np.diff(np.searchsorted(nonzero, ends[self.magnitude_ends[phase] - 1]), prepend=0)
        tokens = [self.source.tokens(int(c), int(counts[c])) for c in np.flatnonzero(counts)]
        return order[nonzero], 1 + self.values_of(np.concatenate([np.zeros(0, np.int32), *tokens]))

    def bits(self, group: int, ends: Int64Array) -> ByteArray:
        """Bits sorted by class, class c up to ends[c]."""
        bits = np.empty(int(ends[-1]), np.uint8)
        start = 0
        for index, end in enumerate(ends.tolist()):
            if end > start:
                bits[start:end] = self.source.bits(group, index, end - start)
            start = end
        return bits

    def signed(self, magnitudes: Int64Array, score: npt.NDArray[np.int8]) -> Int64Array:
        """Give signs to magnitudes: bit 1 = the sign differs from that of the score (0 counts as plus)."""
        classes = np.abs(score).view(np.uint8)
        order = np.argsort(classes, kind="stable")
        differs = np.empty(score.size, np.uint8)
        differs[order] = self.bits(SIGNS, np.cumsum(np.bincount(classes, minlength=N_SIGN_CLASSES)))
        return np.where(differs.view(np.bool_) ^ (score < 0), -magnitudes, magnitudes)

    def values_of(self, tokens: npt.NDArray[np.int32]) -> Int64Array:
        """Tokens and the raw bits they call for -> values."""
        values = TOKEN_BASE[tokens]
        late = np.flatnonzero(tokens >= N_DIRECT)
        values[late] += self.raw.integers(TOKEN_RAW_BITS[tokens[late]])
        return values

    def low_values(self, rice: Int64Array, n_sites: int) -> Int64Array:
        """(K, n_sites) values of the low band: zigzag, tokens of the high bits plus rice (K,) raw low bits."""
        tokens = self.source.tokens(LOW, rice.size * n_sites)
        widths = np.repeat(rice, n_sites)
        coded = self.values_of(tokens)
        coded <<= widths
        coded |= self.raw.integers(widths)
        return unzigzag(coded).reshape(rice.size, n_sites)


def _class_ends(classes: ByteArray, order: npt.NDArray[np.intp], limits: Int64Array) -> Int64Array:
    """How many (sorted) classes lie under each limit; by bisection where that is cheaper than counting."""
    if classes.size < BISECTED:
        return np.cumsum(np.bincount(classes, minlength=256))[limits - 1]
    low, high = np.zeros(limits.size, np.int64), np.full(limits.size, classes.size)
    for _ in range(classes.size.bit_length()):
        middle = (low + high) >> 1
        below = (low < high) & (classes[order[np.minimum(middle, classes.size - 1)]] < limits)
        low, high = np.where(below, middle + 1, low), np.where(below, high, middle)
    return low
