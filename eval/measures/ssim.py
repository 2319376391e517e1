"""Structural similarity, by the gaussian window of the original paper (numpy only).

Source: Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity",
IEEE TIP 2004, section III.B: 11 x 11 gaussian of sigma 1.5, K1 = 0.01, K2 = 0.03, population (co)variances.
"""

from __future__ import annotations

import math

import numpy as np

from .frames import paired_days, with_original_outside
from .tiles import measured_tiles

SIGMA = 1.5
RADIUS = 5
K1 = 0.01
K2 = 0.03
STRIP = 128  # rows at a time; the result does not depend on it

SSIM_DEFINITION = (
    "gaussian window 11 x 11, sigma 1.5, K1 0.01, K2 0.03, data_range 255 on sRGB codes, population covariance, "
    "half-sample symmetric borders, per channel; invalid texels of the reconstruction replaced by the original, map "
    "averaged over valid texels, channels and frames (scikit-image: gaussian_weights, sigma=1.5, "
    "use_sample_covariance=False, full=True)"
)
SSIM_LINEAR_DEFINITION = (
    "gaussian window 11 x 11, sigma 1.5, K1 0.01, K2 0.03, on linear values per 256 x 256 tile with "
    "data_range = max - min of the original tile, windows that fit in the tile, invalid texels of the reconstruction "
    "zeroed; plain mean over tiles and times (torchmetrics); tiles under 11 texels a side or constant are left out"
)


def _window() -> np.ndarray:
    weights = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
    normalized: np.ndarray = weights / weights.sum()
    return normalized


def _blur(image: np.ndarray) -> np.ndarray:
    """Filter (H, W, C) float64 along rows and columns; the window reads RADIUS texels beyond each border."""
    weights = _window()
    for axis in (0, 1):
        length = image.shape[axis]
        border = [(RADIUS, RADIUS) if a == axis else (0, 0) for a in range(3)]
        padded = np.pad(image, border, mode="symmetric")
        taps = [padded[k : k + length] if axis == 0 else padded[:, k : k + length] for k in range(2 * RADIUS + 1)]
        image = weights[RADIUS] * taps[RADIUS]
        for k in range(RADIUS):
            image += weights[k] * (taps[k] + taps[2 * RADIUS - k])
    return image


def ssim_map(reference: np.ndarray, decoded: np.ndarray, data_range: float) -> np.ndarray:
    """SSIM of the window around each texel and channel.

    Args:
        reference: (H, W, C), any real kind: the paper's y.
        decoded: (H, W, C): the paper's x.
        data_range: The paper's L, > 0.

    Returns:
        (H, W, C) float64 in [-1, 1].
    """
    x, y = decoded.astype(np.float64), reference.astype(np.float64)
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    mean_x, mean_y = _blur(x), _blur(y)
    mean_product = mean_x * mean_y
    mean_squares = mean_x * mean_x + mean_y * mean_y
    covariance = _blur(x * y) - mean_product
    # only the sum of the two variances is needed; cancellation may take it a hair under zero
    variances = np.maximum(_blur(x * x + y * y) - mean_squares, 0.0)
    similarity: np.ndarray = ((2 * mean_product + c1) * (2 * covariance + c2)) / (
        (mean_squares + c1) * (variances + c2)
    )
    return similarity


def _ssim_sum(original: np.ndarray, decoded: np.ndarray, valid: np.ndarray, data_range: float) -> float:
    """Sum of one frame's SSIM map over valid texels, taken in strips of rows so that a 16384 x 16384 frame fits."""
    height, total = valid.shape[0], 0.0
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        first, last = max(0, top - RADIUS), min(height, bottom + RADIUS)
        strip = ssim_map(original[first:last], decoded[first:last], data_range)[top - first : bottom - first]
        total += float(strip[valid[top:bottom]].sum())
    return total


def ssim(reference: np.ndarray, decoded: np.ndarray, valid: np.ndarray, data_range: float = 255.0) -> float:
    """Mean SSIM over valid texels, channels and frames; `SSIM_DEFINITION` states it in one sentence.

    Args:
        reference: (T, H, W, 3) or (H, W, 3), the original.
        decoded: Same shape.
        valid: (H, W) bool.
        data_range: Span of the values, 255 for codes.

    Returns:
        At most 1, which only equal frames reach.

    Raises:
        ValueError: Shapes that differ, no valid texel.
    """
    originals, reconstructions = paired_days(reference, decoded, valid)
    total = math.fsum(
        _ssim_sum(g, with_original_outside(g, r, valid), valid, data_range)
        for g, r in zip(originals, reconstructions, strict=True)
    )
    return total / (3 * int(valid.sum()) * len(originals))


def ssim_linear_tiles(original: np.ndarray, reconstruction: np.ndarray, valid: np.ndarray) -> list[float]:
    """SSIM of each 256 x 256 tile of one frame that takes part; `SSIM_LINEAR_DEFINITION` states it.

    Args:
        original: (H, W, 3), linear radiance.
        reconstruction: Same shape; taken as zero in the invalid texels.
        valid: (H, W) bool.

    Returns:
        At most one figure per tile; tiles under 11 texels a side have no window, constant ones no data range.

    Source: docs/contest.md "Measures".
    """
    figures: list[float] = []
    for rows, columns, _ in measured_tiles(original, valid):
        g = original[rows, columns]
        data_range = float(g.max()) - float(g.min())
        if min(g.shape[:2]) <= 2 * RADIUS or data_range <= 0.0:
            continue
        r = np.where(valid[rows, columns, None], reconstruction[rows, columns], 0.0)
        figures.append(float(ssim_map(g, r, data_range)[RADIUS:-RADIUS, RADIUS:-RADIUS].mean()))
    return figures
