"""Sums over texels from which the best temporal matrix follows, gathered tile by tile."""

from __future__ import annotations

import numpy as np

RIDGE = 1e-7  # as in trainer/daybasis/affine.py


class DayMoments:
    """Sums over decoded coefficients z (K) and original days d (3T) of all texels seen so far.

    Args:
        matrix: (3T, K) the basis the coefficients are of; the sums that float32 must hold are bounded by it.
    """

    def __init__(self, matrix: np.ndarray) -> None:
        n_rows, n_maps = matrix.shape
        self._matrix = matrix
        self._count = 0
        self._z, self._d = np.zeros(n_maps), np.zeros(n_rows)
        self._zz, self._zd, self._dd = np.zeros((n_maps, n_maps)), np.zeros((n_maps, n_rows)), np.zeros(n_rows)
        self._peaks, self._reach = np.zeros(n_maps), 0.0

    def add(self, decoded: np.ndarray, days: np.ndarray) -> None:
        """Add texels: decoded coefficients (N, K) float32 and days (N, 3T) float32."""
        self._count += len(days)
        self._z += decoded.sum(0, dtype=np.float64)
        self._d += days.sum(0, dtype=np.float64)
        self._zz += decoded.T @ decoded
        self._zd += decoded.T @ days
        self._dd += np.einsum("nd,nd->d", days, days, dtype=np.float64)
        sizes = np.abs(decoded)
        np.maximum(self._peaks, sizes.max(0), out=self._peaks)
        weights = np.abs(self._matrix).T.astype(np.float32)
        for part in np.array_split(sizes, max(1, len(sizes) // 65536)):
            self._reach = max(self._reach, float((part @ weights).max()))

    @property
    def energy(self) -> np.ndarray:
        """(K,) mean squares of the coefficients."""
        return np.diagonal(self._zz) / self._count

    def fit(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Least-squares matrix (3T, K), offset (3T,) and the mean squared error that they leave."""
        z, d = self._z / self._count, self._d / self._count
        gram = self._zz / self._count - np.outer(z, z)
        cross = self._zd / self._count - np.outer(z, d)
        ridge = RIDGE * max(float(np.trace(gram)) / len(gram), 1e-9)
        matrix = np.linalg.solve(gram + ridge * np.eye(len(gram)), cross).T
        left = self._dd / self._count - d**2 - np.einsum("dk,kd->d", matrix, cross)
        return matrix, d - matrix @ z, max(float(left.mean()), 0.0)

    def largest_sum(self, matrix: np.ndarray, offset: np.ndarray) -> float:
        """A bound of |matrix| |z| + |offset| over all texels, for a matrix near the one of the constructor."""
        moved = np.abs(matrix - self._matrix) @ self._peaks
        return self._reach + float(moved.max()) + float(np.abs(offset).max())
