"""Integers as tokens plus raw bits (FORMAT.md "Tokens").

A value v >= 0 under 12 is token v. Above, u = v - 8 >= 4 lies in octave e = floor(log2 u), half b = the bit under its
leading one: token 12 + 2 (e - 2) + b, followed by the e - 1 low bits of u, most significant bit first.

Source: hybrid integer coding as in JPEG XL (ISO/IEC 18181-1, HybridUintConfig): tokens are entropy-coded, the bits that
hardly compress are stored as they are.
"""

import numpy as np
import numpy.typing as npt

from ...bits import EntropyError

IntArray = npt.NDArray[np.int64]

N_DIRECT = 12
N_TOKENS = 48
MAX_VALUE = (1 << 20) + 7  # largest value of token 47
MAX_DETAIL = (1 << 19) - 1  # largest magnitude of a detail code: with the centroids' 5 bits exact in float32


def token_table() -> tuple[IntArray, IntArray]:
    """Smallest value and count of raw bits of each token, two (48,) arrays."""
    late = np.arange(N_TOKENS - N_DIRECT)
    n_raw = 1 + late // 2
    base = ((2 + late % 2) << n_raw) + 8
    return np.concatenate([np.arange(N_DIRECT), base]), np.concatenate([np.zeros(N_DIRECT, np.int64), n_raw])


TOKEN_BASE, TOKEN_RAW_BITS = token_table()


def tokens_of(values: IntArray) -> tuple[IntArray, IntArray]:
    """Split values 0..MAX_VALUE into tokens and raw parts (TOKEN_RAW_BITS[token] bits each)."""
    if values.size and (values.min() < 0 or values.max() > MAX_VALUE):
        raise EntropyError(f"coefficient value beyond {MAX_VALUE}")
    token = np.searchsorted(TOKEN_BASE, values, side="right") - 1
    return token, values - TOKEN_BASE[token]
