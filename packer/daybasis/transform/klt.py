"""Temporal transform: eigenvectors of the covariance of a day (Karhunen-Loeve transform) over the valid texels.

Source: Jain, "Fundamentals of Digital Image Processing", 1989, section 5.11. docs/daybasis.md "2. Time: three
rotations".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TemporalBasis:
    """RGB of every time as an affine map of K coefficients: frames = matrix @ z + offset.

    Attributes:
        matrix: (3T, K) float64; row 3 t + c is channel c of time t. With unit weights its columns are orthonormal.
        offset: (3T,) float64, the mean day.
        frame_weights: (T,) float64; the error of frame t counts with weight ** 2.
    """

    matrix: Floats
    offset: Floats
    frame_weights: Floats

    def rotate(self, rotation: Floats) -> "TemporalBasis":
        """The same space in the rotated basis: matrix @ rotation, rotation (K, K) orthogonal."""
        return TemporalBasis(self.matrix @ rotation, self.offset, self.frame_weights)

    def analyze(self, days: NDArray[np.floating]) -> NDArray[np.float32]:
        """Least-squares coefficients (N, K) of days (N, 3T): the inverse of the weighted orthonormal basis."""
        weight = np.repeat(self.frame_weights, 3)
        analysis = self.matrix * (weight**2)[:, None]
        return (days @ analysis.astype(np.float32) - (self.offset @ analysis).astype(np.float32)).astype(np.float32)


def fit_klt(
    days: NDArray[np.float32], q_step: float, frame_weights: Floats | None = None, keep_ratio: float = 60.0
) -> TemporalBasis:
    """Fit the basis; components whose variance is far under the quantizer's noise are not kept.

    Args:
        days: (N, 3T) float32, the valid texels; column 3 t + c as in `TemporalBasis`.
        q_step: Width of a quantizer bin, in the units of `days` times frame_weights.
        frame_weights: (T,) > 0 or None for 1: distortion is the mean of (weight * error) ** 2.
        keep_ratio: A component is kept if its variance exceeds q_step ** 2 / keep_ratio.

    Returns:
        K >= 1 components, by falling variance; each column's entry of largest magnitude is positive.
    """
    n_texels, n_rows = days.shape
    weights = np.ones(n_rows // 3) if frame_weights is None else np.asarray(frame_weights, np.float64)
    scale = np.repeat(weights, 3)
    if n_texels == 0:
        return TemporalBasis(np.eye(n_rows, 1) / scale[:, None], np.zeros(n_rows), weights)
    offset = days.mean(0, dtype=np.float64)
    centered = days - offset.astype(np.float32)
    centered *= scale.astype(np.float32)
    covariance = (centered.T @ centered).astype(np.float64) / n_texels
    return basis_of_covariance(covariance, offset, weights, q_step, keep_ratio)


def basis_of_covariance(
    covariance: Floats, offset: Floats, weights: Floats, q_step: float, keep_ratio: float = 60.0
) -> TemporalBasis:
    """The basis of days with this (3T, 3T) covariance of weighted values and this mean; other arguments as above."""
    scale = np.repeat(weights, 3)
    variances, vectors = np.linalg.eigh(covariance)
    n_kept = max(1, int((variances > q_step**2 / keep_ratio).sum()))
    vectors = canonical_signs(vectors[:, ::-1][:, :n_kept])
    return TemporalBasis(vectors / scale[:, None], offset, weights)


def canonical_signs(matrix: Floats) -> Floats:
    """Flip columns so that the entry of largest magnitude (the first of equals) is positive."""
    peaks = matrix[np.abs(matrix).argmax(0), np.arange(matrix.shape[1])]
    return matrix * np.where(peaks < 0, -1.0, 1.0)
