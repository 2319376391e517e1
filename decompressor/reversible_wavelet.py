"""Lossless planes: YCoCg-R and the integer 5/3 wavelet. FORMAT.md "Planes".

Forward and inverse stand side by side because they must mirror each other line by line; all of it is exact integer
arithmetic, so every machine decodes the same codes.

Source: LeGall 5/3 lifting as in JPEG 2000 (ISO/IEC 15444-1, annex F); YCoCg-R: Malvar and Sullivan, JVT-I014.
"""

from __future__ import annotations

import numpy as np

from .bits import unzigzag, zigzag

MAX_LEVELS = 5


def _predict(even: np.ndarray, n_odd: int) -> np.ndarray:
    """Mean of the two even neighbors of each odd sample (axis 0), mirrored at the end."""
    right = even[1:] if len(even) > n_odd else np.concatenate([even[1:], even[-1:]])
    mean: np.ndarray = (even[:n_odd] + right[:n_odd]) >> 1
    return mean


def _update(odd: np.ndarray, n_even: int) -> np.ndarray:
    """A quarter of the sum of the two odd neighbors of each even sample (axis 0), mirrored at both ends."""
    left = np.concatenate([odd[:1], odd])[:n_even]
    right = odd if len(odd) == n_even else np.concatenate([odd, odd[-1:]])
    quarter: np.ndarray = (left + right + 2) >> 2
    return quarter


def forward_axis(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One 5/3 step along axis 0: (n, ...) int32 -> low (ceil(n/2), ...), high (floor(n/2), ...)."""
    even, odd = x[0::2], x[1::2]
    if len(odd) == 0:
        return even.copy(), odd.copy()
    high = odd - _predict(even, len(odd))
    return even + _update(high, len(even)), high


def inverse_axis(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Undo `forward_axis`."""
    x = np.empty((len(low) + len(high), *low.shape[1:]), np.int32)
    if len(high) == 0:
        x[:] = low
        return x
    x[0::2] = even = low - _update(high, len(low))
    x[1::2] = high + _predict(even, len(high))
    return x


def n_levels(height: int, width: int) -> int:
    """Levels until the shorter side is under 8, at most 5."""
    levels = 0
    while levels < MAX_LEVELS and min(height, width) >= 8:
        height, width, levels = -(-height // 2), -(-width // 2), levels + 1
    return levels


def _low_sizes(height: int, width: int) -> list[tuple[int, int]]:
    sizes = [(height, width)]
    for _ in range(n_levels(height, width)):
        height, width = -(-height // 2), -(-width // 2)
        sizes.append((height, width))
    return sizes


def forward_planes(codes: np.ndarray) -> np.ndarray:
    """Transform RGB codes into one stream of small integers.

    Args:
        codes: (H, W, 3) integer codes, magnitude under 2^13.

    Returns:
        (3 H W,) uint16, zigzag-coded, coarse to fine, band by band: low, then per level (down, across, both) details.
    """
    red, green, blue = (codes[..., c].astype(np.int32) for c in range(3))
    orange = red - blue
    middle = blue + (orange >> 1)
    green_minus = green - middle
    return forward_bands(np.stack([middle + (green_minus >> 1), orange, green_minus], axis=-1))


def forward_bands(codes: np.ndarray) -> np.ndarray:
    """The wavelet of any number of planes, without the color transform.

    Args:
        codes: (H, W, C) int32 codes, magnitude under 2^13.

    Returns:
        (C H W,) uint16, as `forward_planes`.
    """
    low = codes
    bands: list[np.ndarray] = []
    for _ in range(n_levels(*codes.shape[:2])):
        top, down = forward_axis(low)
        low_t, across_t = forward_axis(top.swapaxes(0, 1))
        down_t, both_t = forward_axis(down.swapaxes(0, 1))
        bands = [down_t.swapaxes(0, 1), across_t.swapaxes(0, 1), both_t.swapaxes(0, 1), *bands]
        low = low_t.swapaxes(0, 1)
    stream = np.concatenate([band.transpose(2, 0, 1).ravel() for band in [low, *bands]])
    return zigzag(stream).astype(np.uint16)


def inverse_planes(stream: np.ndarray, height: int, width: int) -> np.ndarray:
    """Undo `forward_planes`.

    Args:
        stream: (3 H W,) uint16.
        height: H, rows.
        width: W, columns.

    Returns:
        (H, W, 3) int32 codes.
    """
    planes = inverse_bands(stream, height, width, 3)
    middle, orange, green_minus = (planes[..., c] for c in range(3))
    middle = middle - (green_minus >> 1)
    blue = middle - (orange >> 1)
    return np.stack([blue + orange, green_minus + middle, blue], axis=-1)


def inverse_bands(stream: np.ndarray, height: int, width: int, n_planes: int) -> np.ndarray:
    """Undo `forward_bands`: (C H W,) uint16 -> (H, W, C) int32 codes."""
    values = unzigzag(stream.astype(np.int32))
    at = 0

    def take(rows: int, columns: int) -> np.ndarray:
        nonlocal at
        band = values[at : at + n_planes * rows * columns].reshape(n_planes, rows, columns).transpose(1, 2, 0)
        at += n_planes * rows * columns
        return band

    sizes = _low_sizes(height, width)
    low = take(*sizes[-1])
    for rows, columns in reversed(sizes[:-1]):
        n_top, n_left = -(-rows // 2), -(-columns // 2)
        down = take(rows - n_top, n_left)
        across = take(n_top, columns - n_left)
        both = take(rows - n_top, columns - n_left)
        top = inverse_axis(low.swapaxes(0, 1), across.swapaxes(0, 1)).swapaxes(0, 1)
        bottom = inverse_axis(down.swapaxes(0, 1), both.swapaxes(0, 1)).swapaxes(0, 1)
        low = inverse_axis(top, bottom)
    return low
