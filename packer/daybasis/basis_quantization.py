"""Quantise the temporal matrix just finely enough that nobody sees it."""

import numpy as np
from numpy.typing import NDArray

from todpack.decompressor.daybasis.temporal.basis_codes import column_steps, difference

Floats = NDArray[np.float64]

MAX_LEVEL = 1 << 24
"""Entries in steps stay under this (differences of them then fit into 32 bits)."""
LOSS = 0.002
"""Share of the coder's own squared error that the matrix may add: 0.01 dB."""


def quantize_basis(
    matrix: Floats, offset: Floats, map_energy: Floats, error_energy: float, precision: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Quantise matrix and offset; each column adds the same error, LOSS * error_energy in all.

    Products of entries and coefficients are kept on a grid of 2^-precision (decompressor/daybasis/decoder.py), so finer
    entries mean coarser coefficients; at very high quality the two errors are balanced instead.

    Args:
        matrix: (3T, K).
        offset: (3T,).
        map_energy: (K,) mean squares of the decoded maps over the valid texels.
        error_energy: Mean squared error of the decoded frames, the yardstick; > 0.
        precision: P.

    Returns:
        codes (T, 3, K + 1) int64 and exponents (K + 1,) int64 for `basis_codes.dequantize_basis`.
    """
    n_rows, n_columns = matrix.shape[0], matrix.shape[1] + 1
    values = np.concatenate([matrix, offset[:, None]], 1).reshape(-1, 3, n_columns)
    energy = np.append(map_energy, 1.0)
    energy = np.maximum(energy, 1e-12 * max(float(energy.max()), 1e-12))
    wanted = np.floor(np.log2(np.sqrt(12 * LOSS * error_energy / n_columns / energy)))
    norms = np.maximum((matrix**2).sum(0), 1e-12)
    balanced = np.floor((0.5 * np.log2(norms / (n_rows * energy[:-1])) - precision) / 2)
    peaks = np.maximum(np.abs(values).max((0, 1)), 1e-30)
    coarsest = np.ceil(np.log2(peaks / MAX_LEVEL))
    finest = np.maximum(np.append(balanced, -precision), coarsest)
    exponents = np.clip(np.maximum(wanted, finest), -48, 48).astype(np.int64)
    return difference(np.rint(values / column_steps(exponents)).astype(np.int64)), exponents
