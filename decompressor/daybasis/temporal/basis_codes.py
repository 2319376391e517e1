"""Integer codes of the temporal matrix and offset: a few hundred bytes, instead of 2 or 4 bytes an entry.

Column k < K is column k of the matrix A, column K the offset b. An entry is an integer, its amplitude, times the step
of its column. Neighboring hours are alike and light is nearly gray, so what is stored are differences: green to the
hour before; red and blue the same, minus green's. FORMAT.md "Temporal codes".
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def column_steps(exponents: NDArray[np.integer]) -> Floats:
    """Step of each column: 2 ** exponent."""
    return np.ldexp(1.0, exponents.astype(np.int64))


def difference(amplitudes: Codes) -> Codes:
    """Differences to store.

    Args:
        amplitudes: (T, 3, K + 1) int64, the quantized entries.

    Returns:
        (T, 3, K + 1) int64: over time, then red and blue minus green.
    """
    codes = np.diff(amplitudes, axis=0, prepend=0)
    codes[:, 0::2] -= codes[:, 1:2]
    return codes


def undo_difference(codes: NDArray[np.integer]) -> Codes:
    """Amplitudes (T, 3, K + 1) from their stored differences."""
    amplitudes = codes.astype(np.int64)
    amplitudes[:, 0::2] += amplitudes[:, 1:2]
    return np.cumsum(amplitudes, axis=0)


def dequantize_basis(codes: NDArray[np.integer], exponents: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """Restore the temporal basis.

    Args:
        codes: (T, 3, K + 1) integers, as `difference` returns them.
        exponents: (K + 1,) integers, see `column_steps`.

    Returns:
        matrix (3T, K) and offset (3T,) float64; row 3 t + c is channel c of time t.
    """
    n_times, _, n_columns = codes.shape
    values = undo_difference(codes) * column_steps(exponents)
    rows = values.reshape(3 * n_times, n_columns)
    return rows[:, :-1], rows[:, -1]
