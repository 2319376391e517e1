"""Entropy encoder: quantized wavelet coefficients -> the stream described in decompressor/daybasis/entropy/stream.py.

Two passes: the context model gives every coefficient its fine class (symbols.py); the statistics of the fine classes
become the file's tables (class_fit.py); then the symbols go to the sink (sinks.py) in coding order.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from todpack.decompressor.bits import EntropyError
from todpack.decompressor.daybasis.entropy.contexts import N_SIGN_CLASSES
from todpack.decompressor.daybasis.entropy.header import HEADER, PACKED, WIDE, ZSTD
from todpack.decompressor.daybasis.entropy.symbols import MAX_DETAIL, N_DIRECT, TOKEN_RAW_BITS, tokens_of
from todpack.decompressor.daybasis.entropy.tables import LOW, SIGNS, Tables
from todpack.decompressor.daybasis.entry import ENTROPY_CODERS
from todpack.decompressor.daybasis.transform.pyramid import Bands, Sites

from ...errors import PackError
from .class_fit import fit_tables, pack_model, write_tables
from .sinks import AnsSink, SymbolSink, ZstdSink, pack_bits, without_models
from .symbols import LowBand, Phase, mean_code, pairs, prepare_low_band, walk

Int64Array = npt.NDArray[np.int64]


def encode_coefficients(bands: Bands, sites: Sites, entropy: str) -> bytes:
    """`encode_bands`, with errors that name the option to change.

    Raises:
        PackError: unknown coder, its package is not installed, or a value is too large for it.
    """
    if entropy not in ENTROPY_CODERS:
        raise PackError(f"--entropy: expected one of {', '.join(ENTROPY_CODERS)}, found {entropy}")
    try:
        return encode_bands(bands, sites, entropy=entropy)
    except EntropyError as error:
        raise PackError(f"--q-step: too small for the coder ({error}); choose a larger one") from error
    except ModuleNotFoundError as error:
        raise PackError(f"--entropy ans needs {error.name}: pip install {error.name}, or use --entropy zstd") from error


def encode_bands(bands: Bands, sites: Sites, *, entropy: str = "ans") -> bytes:
    """Encode the coefficients of one tile.

    Args:
        bands: Low band (K, h, w), then (lh, hl, hh) per level, coarse to fine; integers, 0 outside the sites.
        sites: The same structure without K, bool: where a coefficient is coded.
        entropy: "ans" (constriction) or "zstd" (about 6 % more bytes, no further dependency).

    Returns:
        The bytes decode_bands reads; the same input gives the same bytes.

    Raises:
        EntropyError: a detail is beyond 2^19 - 1, or a low value far beyond 2^20.
    """
    mean_codes = np.array([mean_code(q, s) for q, s in pairs(bands, sites)], np.int64).reshape(-1, len(bands[0]))
    low = prepare_low_band(np.asarray(bands[0]), np.asarray(sites[0]))
    phases = walk(bands, sites, mean_codes)
    tables = fit_tables(phases, mean_codes, low)
    largest = max((int(np.abs(q).max(initial=0)) for q, _ in pairs(bands, sites)), default=0)
    if largest > MAX_DETAIL:
        raise EntropyError(f"detail code {largest} beyond {MAX_DETAIL}")
    wide = any(np.abs(q).max(initial=0) > 32767 for q in [bands[0], *(q for q, _ in pairs(bands, sites))])
    sink = AnsSink(tables) if entropy == "ans" else ZstdSink(tables)
    raw = emit(phases, tables, low, sink)
    plain = write_tables(tables if entropy == "ans" else without_models(tables))
    sections = [pack_model(plain, len(bands[0]), len(mean_codes)), sink.finish(), raw]
    kind = PACKED | (WIDE if wide else 0) | (ZSTD if entropy == "zstd" else 0)
    return HEADER.pack(kind, *(len(s) for s in sections)) + b"".join(sections)


def emit(phases: Sequence[Phase], tables: Tables, low: LowBand, sink: SymbolSink) -> bytes:
    """Give all symbols to the sink in coding order; returns the raw bits."""
    late = low.tokens >= N_DIRECT
    sink.tokens(LOW, low.tokens)
    raw = [(low.raw[late], TOKEN_RAW_BITS[low.tokens[late]]), (low.rest, low.rice_bits)]
    for phase in phases:
        order = np.argsort(phase.classes, kind="stable")
        ends = np.cumsum(np.bincount(phase.classes, minlength=256))[tables.limits(phase.phase) - 1]
        sorted_values = phase.values[order[: ends[-1]]]
        nonzero = np.flatnonzero(sorted_values)
        put_bits(sink, phase.phase, sorted_values != 0, ends)
        values = sorted_values[nonzero].astype(np.int64)
        tokens, rest = tokens_of(np.abs(values) - 1)
        cuts = np.searchsorted(nonzero, ends[tables.magnitude_ends(phase.phase) - 1])[:-1]
        for table, part in enumerate(np.split(tokens, cuts)):
            if part.size:
                sink.tokens(table, part)
        raw.append((rest[tokens >= N_DIRECT], TOKEN_RAW_BITS[tokens[tokens >= N_DIRECT]]))
        score = np.zeros(order.size, np.int8)
        score[np.flatnonzero(phase.values)] = phase.score
        score = score[order[nonzero]]
        differs = (values < 0) ^ (score < 0)
        by_score = np.argsort(np.abs(score), kind="stable")
        put_bits(sink, SIGNS, differs[by_score], np.cumsum(np.bincount(np.abs(score), minlength=N_SIGN_CLASSES)))
    return pack_bits(np.concatenate([v for v, _ in raw]), np.concatenate([n for _, n in raw]))


def put_bits(sink: SymbolSink, group: int, bits: npt.NDArray[np.bool_], ends: Int64Array) -> None:
    """Bits sorted by class, class c up to ends[c]."""
    for index, part in enumerate(np.split(bits, ends[:-1])):
        if part.size:
            sink.bits(group, index, part)
