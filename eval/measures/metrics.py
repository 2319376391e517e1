"""The measures of distortion and size, defined once for the whole project.

Everywhere: frames are (T, H, W, 3) or (H, W, 3), the original first; `valid` is (H, W) bool and the invalid texels
never count. sRGB measures take uint8 codes (peak 255), linear ones floating-point radiance. Frames are taken one at a
time, so the working memory is that of a few frames, whatever T is.

Source: docs/contest.md "Measures" for everything called linear.
"""

from __future__ import annotations

import math

import numpy as np

from todpack.frames.psnr import CODE_PEAK, psnr_db

from .frames import paired_days
from .tiles import mean_or_nan, measured_tiles


def psnr_srgb_db(reference: np.ndarray, decoded: np.ndarray, valid: np.ndarray) -> float:
    """PSNR of 8-bit codes: 10 log10(255^2 / mse), mse over the valid texels, channels and frames together.

    Args:
        reference: (T, H, W, 3) or (H, W, 3) uint8, sRGB codes.
        decoded: Same shape, uint8.
        valid: (H, W) bool.

    Returns:
        Decibels; infinite where no valid code differs.

    Raises:
        ValueError: Not uint8, shapes that differ, no valid texel.
    """
    originals, reconstructions = paired_days(reference, decoded, valid)
    if originals.dtype != np.uint8 or reconstructions.dtype != np.uint8:
        raise ValueError(f"psnr_srgb_db takes uint8 codes, found {originals.dtype} and {reconstructions.dtype}")
    squares = 0
    for original, reconstruction in zip(originals, reconstructions, strict=True):
        # int32: a difference of two uint8 wraps in uint8, and its square wraps in int16
        error = original[valid].astype(np.int32) - reconstruction[valid].astype(np.int32)
        squares += int(np.sum(error * error, dtype=np.int64))
    return psnr_db(squares / (3 * int(valid.sum()) * len(originals)))


def psnr_linear_tiles_db(original: np.ndarray, reconstruction: np.ndarray, valid: np.ndarray) -> list[float]:
    """PSNR of each 256 x 256 tile of one frame that takes part, as `psnr_linear_db` averages them.

    Args:
        original: (H, W, 3) floating point, linear radiance >= 0.
        reconstruction: Same shape.
        valid: (H, W) bool.

    Returns:
        Decibels, at most one per tile; infinite where a tile is exact.
    """
    tiles_db: list[float] = []
    for rows, columns, peak in measured_tiles(original, valid):
        inside = valid[rows, columns]
        error = original[rows, columns][inside].astype(np.float64) - reconstruction[rows, columns][inside]
        tiles_db.append(psnr_db(float(np.mean(error * error)), peak))
    return tiles_db


def psnr_linear_db(reference: np.ndarray, decoded: np.ndarray, valid: np.ndarray) -> float:
    """PSNR of linear radiance as the contest takes it: the plain mean over all 256 x 256 tiles and times.

    Per tile: 10 log10(max^2 / mse), max = maximum of the original over the tile's valid texels, mse over these texels
    and the channels. Tiles without a valid texel or with a maximum of zero do not take part.

    Args:
        reference: (T, H, W, 3) or (H, W, 3), floating point, linear radiance >= 0.
        decoded: Same shape, floating point.
        valid: (H, W) bool.

    Returns:
        Decibels; infinite if a tile is exact, NaN if no tile takes part (the frame is black).

    Raises:
        ValueError: Not floating point, shapes that differ, no valid texel.

    Source: docs/contest.md "Measures".
    """
    originals, reconstructions = paired_days(reference, decoded, valid)
    if originals.dtype.kind != "f":
        raise ValueError(f"psnr_linear_db takes floating-point radiance, found {originals.dtype}")
    days = zip(originals, reconstructions, strict=True)
    return mean_or_nan([db for g, r in days for db in psnr_linear_tiles_db(g, r, valid)])


def frame_changes(reference: np.ndarray, decoded: np.ndarray, valid: np.ndarray) -> list[tuple[float, float]]:
    """For each pair of adjacent frames: how much the original G changes, and how wrong the decoded R's change is.

    Args:
        reference: (T, H, W, 3), the original G.
        decoded: Same shape and kind, R.
        valid: (H, W) bool.

    Returns:
        T - 1 pairs: the mean of |G[t+1] - G[t]|, and of |(R[t+1] - R[t]) - (G[t+1] - G[t])|, over valid texels and
        channels; 23 h to 0 h is not one of them.

    Raises:
        ValueError: Shapes that differ, no valid texel.
    """
    days, before, changes = paired_days(reference, decoded, valid), None, []
    for pair in zip(*days, strict=True):
        after = [frame[valid].astype(np.float64) for frame in pair]
        if before is not None:
            original, reconstruction = (now - then for now, then in zip(after, before, strict=True))
            error = np.abs(reconstruction - original)
            changes.append((float(np.abs(original).mean()), float(error.mean())))
        before = after
    return changes


def temporal_l1(reference: np.ndarray, decoded: np.ndarray, valid: np.ndarray, peak: float = CODE_PEAK) -> float:
    """Flicker: the mean error of the changes over time (`frame_changes`) over the peak.

    Args:
        reference: (T, H, W, 3), T >= 2.
        decoded: Same shape.
        valid: (H, W) bool.
        peak: What counts as 1: 255 for codes, the original's maximum for radiance.

    Returns:
        0 where every change over time is the original's, up to 2.

    Raises:
        ValueError: Under two frames, shapes that differ, no valid texel.
    """
    changes = frame_changes(reference, decoded, valid)
    if not changes:
        raise ValueError("temporal_l1 takes at least 2 frames, found 1")
    return math.fsum(error for _, error in changes) / (peak * len(changes))


def bits_per_texel(size_bytes: int, n_valid: int, n_frames: int) -> float:
    """bpt: 8 * bytes / (valid texels * T), the bits for one valid texel of one stored map."""
    if n_valid < 1 or n_frames < 1:
        raise ValueError(f"bits_per_texel takes at least one texel and frame, found {n_valid} and {n_frames}")
    return 8.0 * size_bytes / (n_valid * n_frames)


def compression_ratio(original_bytes: int, archive_bytes: int) -> float:
    """How many times smaller the archive is: original bytes / archive bytes."""
    if archive_bytes < 1:
        raise ValueError(f"compression_ratio takes an archive of at least one byte, found {archive_bytes}")
    return original_bytes / archive_bytes
