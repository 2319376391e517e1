"""The stored temporal matrix: fitted to the maps as the decoder sees them, quantized, its gaps filled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from todpack.decompressor.daybasis.temporal.basis_codes import column_steps, difference
from todpack.decompressor.daybasis.temporal.ramps import CUBIC, HOURS_PER_DAY, LINEAR

from .transform.klt import TemporalBasis

Floats = NDArray[np.float64]

RIDGE = 1e-7
"""Of the mean energy of the maps; keeps the fit of maps that are all zero from dividing by nothing."""
MANTISSA_BITS = 24
HEADROOM_BITS = 1  # interpolated matrices may reach a little beyond the stored ones
FINEST_PRECISION = 40
MAX_LEVEL = 1 << 24
"""Entries in steps stay under this (differences of them then fit into 32 bits)."""
LEAST_LOSS, MOST_LOSS = 0.002, 0.1
"""Share of the coder's own squared error that the matrix may add: 0.01 to 0.4 dB."""
RATE_PER_DB = 0.15
"""Relative change of the coefficients' bytes for a decibel, a usual one: seven days have 0.1 to 0.23."""


class BasisFit:
    """Least squares from decoded maps to original days, gathered tile by tile; worth about 0.05 dB.

    Quantization shrinks the maps and mixes them a little; the fit undoes what is linear in that. With the basis M0, b0
    that the maps were made in, r = d - M0 z - b0 is small, and what is fitted is the correction to it: sums over r
    keep in float32 what sums over d would lose. Weights of the hours would not change the solution.

    Args:
        basis: The basis of the maps, M0 and b0.
    """

    def __init__(self, basis: TemporalBasis) -> None:
        n_rows, n_maps = basis.matrix.shape
        self._basis = basis
        self._matrix, self._offset = basis.matrix.astype(np.float32), basis.offset.astype(np.float32)
        self._count = 0
        self._z, self._r = np.zeros(n_maps), np.zeros(n_rows)
        self._zz, self._zr, self._rr = np.zeros((n_maps, n_maps)), np.zeros((n_maps, n_rows)), np.zeros(n_rows)
        self._peaks, self._reach = np.zeros(n_maps), np.zeros(n_rows)

    def add(self, maps: NDArray[np.float32], days: NDArray[np.float32]) -> None:
        """Add texels: decoded maps (N, K) and days (N, 3T)."""
        rest = maps @ self._matrix.T
        np.subtract(days, rest, out=rest)
        rest -= self._offset
        self._count += len(maps)
        self._z += maps.sum(0, dtype=np.float64)
        self._r += rest.sum(0, dtype=np.float64)
        self._zz += maps.T @ maps
        self._zr += maps.T @ rest
        self._rr += np.einsum("nd,nd->d", rest, rest, dtype=np.float64)
        sizes = np.abs(maps)
        np.maximum(self._peaks, sizes.max(0, initial=0), out=self._peaks)
        weights = np.abs(self._matrix).T
        for part in np.array_split(sizes, max(1, len(sizes) // 65536)):
            np.maximum(self._reach, (part @ weights).max(0, initial=0), out=self._reach)

    @property
    def energy(self) -> Floats:
        """(K,) mean squares of the maps."""
        return np.asarray(np.diagonal(self._zz) / max(self._count, 1))

    def fit(self) -> tuple[Floats, Floats, float]:
        """Matrix (3T, K), offset (3T,) and the mean squared error that they leave."""
        count = max(self._count, 1)
        z, r = self._z / count, self._r / count
        gram = self._zz / count - np.outer(z, z)
        cross = self._zr / count - np.outer(z, r)
        ridge = RIDGE * max(float(np.trace(gram)) / len(gram), 1e-9)
        change = np.linalg.solve(gram + ridge * np.eye(len(gram)), cross).T
        left = self._rr / count - r**2 - np.einsum("dk,kd->d", change, cross)
        offset = self._basis.offset + r - change @ z
        return self._basis.matrix + change, offset, max(float(left.mean()), 0.0)

    def precision(self, matrix: Floats, offset: Floats, frame_scales: Floats, reserve: float) -> int:
        """The finest P at which every sum of products is exact in float32.

        Products are multiples of 2^-P; sums of their magnitudes stay under 2^(24 - P).

        Args:
            matrix: (3T, K) of `fit`.
            offset: (3T,) of `fit`.
            frame_scales: (3T,) that rows are divided by when they are stored.
            reserve: Added to the largest sum.
        """
        moved = np.abs(matrix - self._basis.matrix) @ self._peaks  # sums were taken with the basis before the fit
        largest = float(((self._reach + moved + np.abs(offset)) / frame_scales).max()) + reserve
        return finest_precision(largest)


def finest_precision(largest: float) -> int:
    """The finest P of sums up to a number: they stay under 2^(24 - P)."""
    return int(min(MANTISSA_BITS - HEADROOM_BITS - math.ceil(math.log2(largest)), FINEST_PRECISION))


def quantize_basis(
    matrix: Floats, offset: Floats, map_energy: Floats, error_energy: float, precision: int, loss: float = LEAST_LOSS
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Quantize matrix and offset so that they add at most `loss` of the coder's own error, each column the same share.

    Products of entries and coefficients are kept on a grid of 2^-precision (FORMAT.md "Coefficients to maps"), so finer
    entries mean coarser coefficients; at very high quality the two errors are balanced instead.

    Args:
        matrix: (3T, K).
        offset: (3T,).
        map_energy: (K,) mean squares of the decoded maps over the valid texels.
        error_energy: Mean squared error of the decoded frames, the yardstick; > 0.
        precision: P.
        loss: See `worthwhile_loss`.

    Returns:
        codes (T, 3, K + 1) int64 and exponents (K + 1,) int64 for `basis_codes.dequantize_basis`.
    """
    n_rows, n_columns = matrix.shape[0], matrix.shape[1] + 1
    values = np.concatenate([matrix, offset[:, None]], 1).reshape(-1, 3, n_columns)
    energy = np.append(map_energy, 1.0)
    energy = np.maximum(energy, 1e-12 * max(float(energy.max()), 1e-12))
    # rounding to a step s has the error s^2 / 12, which a map multiplies by its energy: a column's share of the error
    wanted = np.floor(np.log2(np.sqrt(12 * loss * error_energy / n_columns / energy)))
    # an entry on a grid of 2^e leaves its map one of 2^-(precision + e): where both add the same error,
    # n_rows 4^e energy = 4^-(precision + e) norm
    norms = np.maximum((matrix**2).sum(0), 1e-12)
    balanced = np.floor((0.5 * np.log2(norms / (n_rows * energy[:-1])) - precision) / 2)
    peaks = np.maximum(np.abs(values).max((0, 1)), 1e-30)
    coarsest = np.ceil(np.log2(peaks / MAX_LEVEL))
    finest = np.maximum(np.append(balanced, -precision), coarsest)
    exponents = np.clip(np.maximum(wanted, finest), -48, 48).astype(np.int64)
    return difference(np.rint(values / column_steps(exponents)).astype(np.int64)), exponents


def worthwhile_loss(n_entries: int, coefficient_bits: float) -> float:
    """Share of the error at which finer entries of the basis cost as many bits as their error costs the coefficients.

    n entries with the share L of the error take n log2(1 / L) / 2 bits and a constant; the error raises the noise by
    10 log10(1 + L) decibels, about 4.34 L, each of which is worth RATE_PER_DB of the coefficients' bits R:
    n / (2 ln 2 L) = 4.34 RATE_PER_DB R.

    Args:
        n_entries: n, of the matrix and the offset.
        coefficient_bits: R.
    """
    decibels = 10 / math.log(10)
    share = n_entries / (2 * math.log(2) * decibels * RATE_PER_DB * max(coefficient_bits, 1.0))
    return min(max(share, LEAST_LOSS), MOST_LOSS)


def choose_gap_modes(values: Floats, weights: Floats, hours: Floats) -> str:
    """Choose how each gap between stored times is filled, by leaving a time out and predicting it from its neighbors.

    A lamp that switches, or a shadow that leaves, makes the cubic overshoot; then the gap is linear. A gap under half
    of the usual length always is: two times so near to each other are the two sides of a switch.

    Args:
        values: (T, M) what is stored at each time.
        weights: (M,) how much a squared deviation of each value counts.
        hours: (T,) stored times.

    Returns:
        T letters, for the gap after each stored time (the last reaches around to the first).
    """
    n = len(values)
    if n < 5:
        return LINEAR * n
    before, after = np.roll(values, 1, axis=0), np.roll(values, -1, axis=0)
    far = np.roll(values, 2, axis=0) + np.roll(values, -2, axis=0)
    linear_error = ((values - (before + after) / 2) ** 2) @ weights
    # the cubic through the four times around the middle: Lagrange's weights (-1, 4, 4, -1) / 6
    cubic_error = ((values - (4 * (before + after) - far) / 6) ** 2) @ weights
    gain = linear_error - cubic_error
    lengths = np.append(np.diff(hours), hours[0] + HOURS_PER_DAY - hours[-1])
    usual = lengths >= np.median(lengths) / 2
    return "".join(CUBIC if usual[i] and gain[i] + gain[(i + 1) % n] > 0 else LINEAR for i in range(n))
