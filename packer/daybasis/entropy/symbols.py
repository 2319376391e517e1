"""What is coded, in coding order: the low band, then contexts, values and sign scores of every phase of every band."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from todpack.decompressor.bits import zigzag
from todpack.decompressor.daybasis.entropy.contexts import MAX_MEAN_CODE, ContextState
from todpack.decompressor.daybasis.entropy.quincunx import PHASES, split_phases
from todpack.decompressor.daybasis.entropy.symbols import tokens_of
from todpack.decompressor.daybasis.entropy.tables import MAX_RICE
from todpack.decompressor.daybasis.transform.pyramid import Bands, Sites

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Phase:
    """One phase of one band, flat (K * h * W2,): fine classes (255: not coded), values; sign scores of the nonzeros."""

    phase: int
    classes: npt.NDArray[np.uint8]
    values: npt.NDArray[np.int32]
    score: npt.NDArray[np.int8]

    def differs(self) -> npt.NDArray[np.bool_]:
        """Sign bits of the nonzero values: whether the sign differs from the score's (0 counts as plus)."""
        out: npt.NDArray[np.bool_] = (self.values[self.values != 0] < 0) ^ (self.score < 0)
        return out


def pairs(bands: Bands, sites: Sites) -> list[tuple[npt.NDArray[np.integer], npt.NDArray[np.bool_]]]:
    """(band, sites) of all detail bands in coding order."""
    return [
        (q, np.asarray(s))
        for level, mask in zip(bands[1:], sites[1:], strict=True)
        for q, s in zip(level, mask, strict=True)
    ]


def mean_code(band: npt.NDArray[np.integer], sites: npt.NDArray[np.bool_]) -> Int64Array:
    """(K,) codes of the mean magnitude of a band, see `mean_code_of_total`."""
    return mean_code_of_total(np.abs(band.astype(np.int64)).sum(axis=(1, 2)), int(sites.sum()))


def mean_code_of_total(total: Int64Array, n_sites: int) -> Int64Array:
    """(K,) codes of sums of magnitudes: 0 for an empty band, else 24 + 2 log2(mean) rounded, within 1..48."""
    mean = np.maximum(total, 1) / max(1, n_sites)
    code = np.clip(np.rint(24 + 2 * np.log2(mean)), 1, MAX_MEAN_CODE).astype(np.int64)
    return np.where(total > 0, code, 0)


def walk(bands: Bands, sites: Sites, mean_codes: Int64Array) -> list[Phase]:
    """Fine classes and values of every phase, in coding order."""
    context, out = ContextState(len(bands) - 1), []
    for level in range(1, len(bands)):
        context.begin_level(level, [np.abs(b).astype(np.uint32) for b in bands[level - 1]] if level > 1 else [])
        for o, (band, site) in enumerate(zip(bands[level], sites[level], strict=True)):
            codes = mean_codes[3 * (level - 1) + o]
            values = split_phases(np.asarray(band, np.int32))
            context.begin_band(o, np.asarray(site), codes)
            for phase in PHASES:
                flat = values[phase].ravel()
                score = context.sign_score(phase, np.flatnonzero(flat))
                out.append(Phase(phase, context.classes(phase).ravel(), flat, score))
                context.put(phase, values[phase])
    return out


@dataclass(frozen=True)
class LowBand:
    """The low band as symbols; arrays are (K * n_sites,) but for rice (K,)."""

    predicted: bool
    rice: Int64Array
    tokens: Int64Array
    raw: Int64Array
    rest: Int64Array
    rice_bits: Int64Array


def prepare_low_band(band: npt.NDArray[np.integer], sites: npt.NDArray[np.bool_]) -> LowBand:
    """Choose values or differences along the sites (the smaller sum of logarithms) and each component's raw bits."""
    values = band[:, sites].astype(np.int64)
    differences = np.diff(values, axis=1, prepend=0)
    predicted = bool(np.log2(1 + np.abs(differences)).sum() < np.log2(1 + np.abs(values)).sum())
    chosen = differences if predicted else values
    coded = zigzag(chosen)
    typical = np.median(coded, axis=1) if coded.shape[1] else np.zeros(len(coded))
    rice = np.clip(np.floor(np.log2(np.maximum(typical, 1))) - 1, 0, MAX_RICE).astype(np.int64)
    tokens, raw = tokens_of((coded >> rice[:, None]).ravel())
    rest = (coded & ((1 << rice) - 1)[:, None]).ravel()
    return LowBand(predicted, rice, tokens, raw, rest, np.repeat(rice, coded.shape[1]))
