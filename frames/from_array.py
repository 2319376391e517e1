"""A day of frames that are in memory already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from todpack.decompressor.metadata import MAX_HOURS

from .day import HOURS_PER_DAY, Day
from .errors import DataError
from .radiance import RadianceCheck


def given_hours(hours: Any) -> list[float]:
    """Times that a caller gives, as numbers.

    Raises:
        DataError: they are none.
    """
    try:
        times = np.asarray(hours, np.float64)
    except (TypeError, ValueError, OverflowError):
        times = np.zeros(())
    if times.ndim != 1:
        raise DataError(f"hours: expected a list of numbers, found {hours!r:.80}")
    return [float(hour) for hour in times]


def day_of_array(frames: np.ndarray, hours: Sequence[float] | None = None, valid: np.ndarray | None = None) -> Day:
    """A day of frames in memory.

    Args:
        frames: (T, H, W, 3), T >= 2; uint8 sRGB codes or float32 linear radiance >= 0; not changed.
        hours: Time of each frame, ascending in [0, 24) as float32; None spreads them evenly from midnight on.
        valid: (H, W) bool; None: every texel.

    Raises:
        DataError: another shape or type, times that do not ascend, radiance that is clearly negative or not finite.
    """
    if isinstance(frames, np.ma.MaskedArray):
        raise DataError("frames: expected a plain array, found a masked one; say which texels are valid")
    _check_shape(frames, "frames")
    if frames.dtype not in (np.uint8, np.float32):
        raise DataError(f"frames: expected uint8 sRGB codes or float32 linear radiance, found {frames.dtype}")
    n_frames = len(frames)
    times = np.arange(n_frames) * HOURS_PER_DAY / n_frames if hours is None else np.asarray(given_hours(hours)) + 0.0
    mask = np.ones(frames.shape[1:3], bool) if valid is None else np.asarray(valid)
    _check(frames.shape, times, mask)
    if frames.dtype == np.uint8:
        return Day(frames.astype(np.float32), mask, times, "srgb8", "lightmap")
    if not (np.isfinite(frames) & (frames >= 0)).all():
        frames = frames.copy()  # the caller's stays as it is
    check = RadianceCheck()
    for hour, frame in zip(times, frames, strict=True):
        check.clean(frame, mask, f"frames: {hour:g} h")
    return Day(frames, mask, times, "linear", "lightmap", warnings=tuple(check.finish("frames")))


def check_day(day: Day) -> None:
    """Refuse a day that somebody put together, by the rules for arrays.

    Raises:
        DataError: a shape or type is another, times do not ascend, or a valid texel is out of range.
    """
    frames, transfer = np.asarray(day.radiance), day.transfer
    _check_shape(frames, "radiance")
    if transfer not in ("srgb8", "linear") or frames.dtype not in ((np.uint8, np.float32)[transfer == "linear" :]):
        raise DataError(f"radiance: expected float32 of srgb8 or linear, found {frames.dtype} of {transfer!r:.40}")
    valid = np.asarray(day.valid)
    _check(frames.shape, np.asarray(given_hours(day.hours)), valid)
    most = 255.0 if transfer == "srgb8" else np.finfo(np.float32).max
    for hour, frame in zip(day.hours, frames, strict=True):
        seen = frame[valid]
        if not (seen.min() >= 0 and seen.max() <= most):  # NaN is neither
            raise DataError(f"radiance: {hour:g} h: expected values of 0 to {most:g}, found others")


def _check_shape(frames: np.ndarray, name: str) -> None:
    if frames.ndim != 4 or frames.shape[3] != 3 or not 2 <= len(frames) <= MAX_HOURS or 0 in frames.shape:
        raise DataError(
            f"{name}: expected an array of shape (T, H, W, 3) with T in 2..{MAX_HOURS}, found {frames.shape}"
        )


def _check(shape: tuple[int, ...], times: np.ndarray, valid: np.ndarray) -> None:
    told = times.astype(np.float32)  # as graphs take them
    if times.shape != shape[:1] or not (np.diff(told) > 0).all() or times[0] < 0 or told[-1] >= HOURS_PER_DAY:
        found = f"{', '.join(f'{time:.9g}' for time in told[:30])}{', ...' if len(told) > 30 else ''}"
        raise DataError(f"hours: expected {shape[0]} ascending hours in [0, 24), as float32, found {found}")
    if valid.shape != shape[1:3] or valid.dtype != np.bool_ or not valid.any():
        raise DataError(
            f"valid: expected a bool array of shape {shape[1:3]} with a valid texel, found {valid.dtype} {valid.shape}"
        )
