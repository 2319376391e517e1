"""Digests by which frames and other arrays are known again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from .day import Day


def frames_digest(day: Day) -> str:
    """SHA-256 of a day's frames, valid texels and hours, in hexadecimal."""
    return _digest(f"{day.transfer} {day.radiance.shape}", (day.radiance, day.valid, day.hours))


def arrays_digest(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 of shapes, types and content, in hexadecimal."""
    arrays = list(arrays)
    return _digest(repr([(array.shape, array.dtype.str) for array in arrays]), arrays)


def _digest(heading: str, arrays: Iterable[np.ndarray]) -> str:
    digest = hashlib.sha256(heading.encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
