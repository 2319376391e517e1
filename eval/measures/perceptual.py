"""The perceptual measures: LPIPS per frame, per tile of linear radiance, and of the changes over time.

Without weights LPIPS is absent with a reason (`load_lpips`), never a number; torch is imported only once they were
found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .frames import with_original_outside
from .lpips_network import MIN_SIDE, Lpips
from .lpips_weights import LpipsAbsent, LpipsWeights, find_weights
from .tiles import measured_tiles

__all__ = [
    "LPIPS_DEFINITION", "LPIPS_LINEAR_DEFINITION", "MIN_SIDE", "Lpips", "LpipsAbsent", "LpipsWeights", "find_weights",
    "load_lpips", "lpips_linear_tiles", "temporal_lpips",
]  # fmt: skip

LPIPS_DEFINITION = (
    "LPIPS v0.1, AlexNet, linear heads, whole frames of codes mapped to [-1, 1], invalid texels of the reconstruction "
    "replaced by the original; mean over frames. Temporal: the same on differences of adjacent frames divided by 255"
)
LPIPS_LINEAR_DEFINITION = (
    "LPIPS v0.1, AlexNet, linear heads, on linear values as they are per 256 x 256 tile, invalid texels of the "
    "reconstruction zeroed; plain mean over tiles and times; tiles under 31 texels a side are left out. Temporal: "
    "whole frames, differences of adjacent frames divided by the original's maximum, invalid texels replaced by the "
    "original"
)


def load_lpips(explicit: Path | None = None, device: str = "cpu") -> Lpips | LpipsAbsent:
    """Find the weights and load them; torch is imported only if both files were found.

    Args:
        explicit: Trunk file the user named (`--lpips-weights`).
        device: Torch device.

    Returns:
        The measure, or why it is absent.

    Raises:
        EvalError: A file was found that is not what it should be.
    """
    weights = find_weights(explicit)
    return weights if isinstance(weights, LpipsAbsent) else Lpips(weights, device)


def lpips_linear_tiles(
    lpips: Lpips, original: np.ndarray, reconstructions: Sequence[np.ndarray], valid: np.ndarray
) -> list[list[float]]:
    """LPIPS of each 256 x 256 tile of one frame of linear radiance, as the contest takes it.

    Args:
        lpips: The measure.
        original: (H, W, 3) floating point.
        reconstructions: Frames of the same shape; taken as zero in the invalid texels.
        valid: (H, W) bool.

    Returns:
        For each reconstruction at most one figure per tile; tiles under `MIN_SIDE` texels a side have none.

    Source: docs/contest.md "Measures".
    """
    figures: list[list[float]] = [[] for _ in reconstructions]
    for rows, columns, _ in measured_tiles(original, valid):
        g, inside = original[rows, columns], valid[rows, columns, None]
        if min(g.shape[:2]) >= MIN_SIDE:
            zeroed = [np.where(inside, frame[rows, columns], 0.0) for frame in reconstructions]
            for row, distance in zip(figures, lpips.distances_signed(g, zeroed), strict=True):
                row.append(distance)
    return figures


def temporal_lpips(
    reference: np.ndarray, decoded: np.ndarray, valid: np.ndarray, lpips: Lpips, peak: float = 255.0
) -> float:
    """Flicker as it is seen: mean LPIPS of (R[t+1] - R[t]) / peak against (G[t+1] - G[t]) / peak.

    Args:
        reference: (T, H, W, 3), T >= 2, the original G, uint8 codes or linear radiance.
        decoded: Same shape and kind, R.
        valid: (H, W) bool; elsewhere R is replaced by G.
        lpips: The measure.
        peak: What counts as 1: 255 for codes, the original's maximum for radiance.

    Returns:
        0 where every change over time is the original's.
    """
    distances: list[float] = []
    for t in range(len(reference) - 1):
        g = (reference[t + 1].astype(np.float32) - reference[t]) / np.float32(peak)
        r = (decoded[t + 1].astype(np.float32) - decoded[t]) / np.float32(peak)
        distances.append(lpips.distance_signed(g, with_original_outside(g, r, valid)))
    return math.fsum(distances) / len(distances)
