"""The file's probability tables: fine classes merged where that is cheapest, frequencies quantized; their bytes."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from todpack.decompressor.daybasis.entropy.contexts import N_FINE_CLASSES, N_SIGN_CLASSES
from todpack.decompressor.daybasis.entropy.packed_model import FIRST_FREQUENCY, LOG_ODDS, ModelWalk
from todpack.decompressor.daybasis.entropy.symbols import N_TOKENS, tokens_of
from todpack.decompressor.daybasis.entropy.tables import Tables

from ...adaptive_bits import AdaptiveEncoder
from .symbols import LowBand, Phase

Int64Array = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

CLASS_BITS = 11.0  # cost of a class in the model section: start and probability
TOKEN_BITS = 5.5  # cost of one frequency
TOP_CODE = FIRST_FREQUENCY
PROBABILITIES = np.array(sorted(LOG_ODDS))


def fit_tables(phases: Sequence[Phase], mean_codes: Int64Array, low: LowBand) -> Tables:
    """Tables from all phases, the mean codes (n_bands, K) and the low band."""
    zeros, ones = np.zeros((2, N_FINE_CLASSES), np.int64), np.zeros((2, N_FINE_CLASSES), np.int64)
    tokens = np.zeros((N_FINE_CLASSES, N_TOKENS), np.int64)
    signs = np.ones((N_SIGN_CLASSES, 2), np.int64)
    for phase in phases:
        nonzero = np.flatnonzero(phase.values)
        classes = phase.classes[nonzero]
        token, _ = tokens_of(np.abs(phase.values[nonzero].astype(np.int64)) - 1)
        np.add.at(tokens, (classes, token), 1)
        np.add.at(signs, (np.abs(phase.score), phase.differs().astype(np.int64)), 1)
        found = np.bincount(classes, minlength=256)[:N_FINE_CLASSES]
        ones[phase.phase] += found
        zeros[phase.phase] += np.bincount(phase.classes, minlength=256)[:N_FINE_CLASSES] - found
    last = np.arange(1, N_TOKENS + 1)
    magnitude_starts = merge_classes(
        tokens, lambda runs: TOKEN_BITS * np.where(runs > 0, last, 0).max(axis=1), np.array([0])
    )
    magnitudes = tuple(frequency_codes(row) for row in np.add.reduceat(tokens, magnitude_starts, axis=0))
    starts, significance = [], []
    for bits in np.stack([zeros, ones], axis=2):
        starts.append(merge_classes(bits, lambda runs: CLASS_BITS, magnitude_starts))
        merged = np.add.reduceat(bits, starts[-1], axis=0)
        share = (65536 * merged[:, 1] + 0.5) // np.maximum(merged.sum(axis=1), 1)
        significance.append(_on_grid(share))
    differs = _on_grid(65536 * signs[:, 1] // signs.sum(axis=1))
    differs[0] = 32768
    low_tokens = frequency_codes(np.bincount(low.tokens, minlength=N_TOKENS))
    return Tables(
        magnitude_starts,
        magnitudes,
        (starts[0], starts[1]),
        (significance[0], significance[1]),
        differs,
        mean_codes,
        low.predicted,
        low.rice,
        low_tokens,
    )


def _on_grid(probabilities: FloatArray | Int64Array) -> Int64Array:
    """The nearest ones of those that a packed model has, by their log odds."""
    grid, wanted = (np.log(p / (65536 - p)) for p in (PROBABILITIES, np.clip(probabilities, 1, 65535)))
    nearest: Int64Array = PROBABILITIES[np.searchsorted((grid[1:] + grid[:-1]) / 2, wanted)]
    return nearest


def frequency_codes(counts: Int64Array) -> npt.NDArray[np.uint8]:
    """Counts -> log-scaled codes, eight per octave, the most frequent at TOP_CODE; trailing zeros are dropped."""
    if not counts.any():
        return np.zeros(0, np.uint8)
    counts = counts[: np.flatnonzero(counts)[-1] + 1]
    code = TOP_CODE + 8 * np.log2(np.maximum(counts, 1e-9) / counts.max())
    out: npt.NDArray[np.uint8] = np.clip(np.rint(code), 0, TOP_CODE).astype(np.uint8)
    return out


def entropy_bits(counts: npt.NDArray[np.integer]) -> FloatArray:
    """Ideal cost in bits of the symbols counted along the last axis."""
    total = counts.sum(axis=-1)
    ideal: FloatArray = total * np.log2(np.maximum(total, 1)) - (counts * np.log2(np.maximum(counts, 1))).sum(axis=-1)
    return ideal


def merge_classes(
    counts: Int64Array, table_bits: Callable[[Int64Array], FloatArray | float], forced: Int64Array
) -> Int64Array:
    """Cut the fine classes into runs of least total cost (symbols plus tables), by dynamic programming.

    Args:
        counts: (n_fine, n_symbols).
        table_bits: Cost of describing runs of summed counts (n_runs, n_symbols).
        forced: Starts that must be kept.

    Returns:
        First fine class of each run, ascending from 0.
    """
    n = len(counts)
    upto = np.concatenate([np.zeros((1, counts.shape[1]), np.int64), np.cumsum(counts, axis=0)])
    best, cut = np.zeros(n + 1), np.zeros(n + 1, np.int64)
    for end in range(1, n + 1):
        first = int(forced[forced < end].max())
        runs = upto[end] - upto[first:end]
        cost = best[first:end] + entropy_bits(runs) + table_bits(runs)
        cut[end] = first + np.argmin(cost)
        best[end] = cost[cut[end] - first]
    starts, end = [], n
    while end:
        end = int(cut[end])
        starts.append(end)
    return np.array(starts[::-1])


def pack_model(plain: bytes, n_components: int, n_bands: int) -> bytes:
    """The model section in adaptive bits; `packed_model.unpack_model` reads it."""
    coder, tape = AdaptiveEncoder(), iter(plain)
    ModelWalk(coder, lambda: next(tape)).walk(n_components, n_bands)
    return coder.finish()


def write_tables(tables: Tables) -> bytes:
    """Serialize the plain model section; parse_tables reads it."""
    parts = [
        counted(tables.magnitude_starts),
        *(counted(codes) for codes in tables.magnitudes),
        *(counted(s) + p.astype("<u2").tobytes() for s, p in zip(tables.starts, tables.significance, strict=True)),
        tables.signs[1:].astype("<u2").tobytes(),
        bytes([tables.low_predicted]),
        tables.low_rice.astype(np.uint8).tobytes(),
        counted(tables.low_tokens),
        np.diff(tables.mean_codes, axis=0, prepend=0).astype(np.uint8).tobytes(),
    ]
    return b"".join(parts)


def counted(values: npt.NDArray[np.integer]) -> bytes:
    """A count, then as many bytes."""
    return bytes([values.size]) + values.astype(np.uint8).tobytes()
