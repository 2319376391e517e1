"""Low band: which prediction and how many raw low bits, so that one token table serves all components."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from todpack.decompressor.daybasis.entropy.symbols import tokens_of
from todpack.decompressor.daybasis.entropy.tables import MAX_RICE

Int64Array = npt.NDArray[np.int64]


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
    zigzag = chosen << 1 ^ chosen >> 63
    typical = np.median(zigzag, axis=1) if zigzag.shape[1] else np.zeros(len(zigzag))
    rice = np.clip(np.floor(np.log2(np.maximum(typical, 1))) - 1, 0, MAX_RICE).astype(np.int64)
    tokens, raw = tokens_of((zigzag >> rice[:, None]).ravel())
    rest = (zigzag & ((1 << rice) - 1)[:, None]).ravel()
    return LowBand(predicted, rice, tokens, raw, rest, np.repeat(rice, zigzag.shape[1]))
