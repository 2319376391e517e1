"""Integers as tokens plus raw bits, and a vectorised reader of raw bits (FORMAT.md "Tokens").

A value v >= 0 under 12 is token v. Above, u = v - 8 >= 4 lies in octave e = floor(log2 u), half b = the bit under its
leading one: token 12 + 2 (e - 2) + b, followed by the e - 1 low bits of u, most significant bit first.
"""

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

N_DIRECT = 12
N_TOKENS = 48
MAX_VALUE = (1 << 20) + 7  # largest value of token 47
MAX_DETAIL = (1 << 19) - 1  # largest magnitude of a detail code: with the centroids' 5 bits exact in float32


class EntropyError(ValueError):
    """The coded bytes are not what an encoder writes: truncated, inconsistent or beyond a limit."""


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


class BitReader:
    """Reads unsigned integers of given widths from bytes, most significant bit first, many at a time."""

    def __init__(self, data: bytes) -> None:
        self.n_bits = 8 * len(data)
        self.position = 0
        padded = np.frombuffer(data + bytes(4), np.uint8).astype(np.uint32)
        self.windows = padded[:-3] << 24 | padded[1:-2] << 16 | padded[2:-1] << 8 | padded[3:]

    def read(self, widths: IntArray) -> IntArray:
        """Read one integer per width (0..24 bits).

        Raises:
            EntropyError: The widths ask for more bits than are left.
        """
        ends = self.position + np.cumsum(widths)
        end = int(ends[-1]) if ends.size else self.position
        if end > self.n_bits:
            raise EntropyError(f"raw bits end early: {end} needed, {self.n_bits} stored")
        self.position = end
        starts = ends - widths
        window = self.windows[starts >> 3] << (starts & 7).astype(np.uint32)
        out: IntArray = window.astype(np.int64) >> (32 - widths)
        return out
