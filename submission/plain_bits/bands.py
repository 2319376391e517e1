"""Coefficients in plain bits of the older layout: bitmaps with flags for empty groups, signs, and magnitudes in planes.

Sites are sorted into classes by what is known already: magnitudes of the coarser level and of earlier orientations at
the same place. Each (band, class, map) has bitmaps of its own with groups as large as suit it, and magnitudes with as
many low bits. Nothing is entropy coded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from todpack.decompressor.bits import BitReader, unzigzag
from todpack.decompressor.daybasis.entropy.symbols import MAX_DETAIL

from .zero_flags import N_LEVELS, read_flags

THRESHOLDS = (1, 3, 6, 12, 24)
"""Activities from which a site is of the next class."""
N_CLASSES = len(THRESHOLDS) + 1
START_BITS = LOW_BITS = 4  # widths of the fields of each (class, map)
OWN, RING, OTHERS, SIBLING, SIBLING_RING = 6, 1, 2, 4, 1
"""Weights of magnitudes in the activity: of the parent, its four neighbors, the other orientations there, and earlier
orientations at the same place with their four neighbors."""
MAX_MAGNITUDE = 8  # larger ones count as this
MAX_UNARY = 1 << 16
MAX_LOW = (1 << 31) - 1


def read_rice(reader: BitReader, low_bits: np.ndarray) -> np.ndarray:
    """Rice codes: a plane of flags "larger than 0", one "larger than 1" of those, ...; then planes of low bits.

    Args:
        reader: At their first bit.
        low_bits: (n,) integers, how many low bits each value has.

    Returns:
        (n,) int64 >= 0.

    Raises:
        ValueError: the bits end early, or a value is larger than any writer's.
    """
    high = np.zeros(low_bits.size, np.int64)
    going = np.arange(low_bits.size)
    for _ in range(MAX_UNARY):
        if not going.size:
            break
        going = going[reader.flags(going.size)]
        high[going] += 1
    if going.size:
        raise ValueError(f"expected values under {MAX_UNARY} steps, found a larger one")
    low = np.zeros_like(high)
    for plane in range(int(low_bits.max(initial=0))):
        with_bit = np.flatnonzero(low_bits > plane)
        low[with_bit] |= reader.flags(with_bit.size).astype(np.int64) << plane
    return np.asarray((high << low_bits) | low)


def read_rice_rows(reader: BitReader, n_rows: int, n_columns: int, width: int = LOW_BITS + 1) -> np.ndarray:
    """(n_rows, n_columns) int64 signed integers as Rice codes, each row with low bits of its own.

    Args:
        reader: At the fields of all rows, which stand first.
        n_rows: Of them.
        n_columns: Of them.
        width: Bits of a field.

    Raises:
        ValueError: as of `read_rice`.
    """
    low_bits = reader.integers(np.full(n_rows, width))
    return unzigzag(read_rice(reader, np.repeat(low_bits, n_columns))).reshape(n_rows, n_columns)


def _ring(magnitudes: np.ndarray) -> np.ndarray:
    """Sum of the four neighbors."""
    out = np.zeros_like(magnitudes)
    out[:, 1:] += magnitudes[:, :-1]
    out[:, :-1] += magnitudes[:, 1:]
    out[:, :, 1:] += magnitudes[:, :, :-1]
    out[:, :, :-1] += magnitudes[:, :, 1:]
    return out


def _sizes(band: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Capped magnitudes; bands of one level may differ by a row or a column."""
    out = np.zeros(shape, np.uint16)
    h, w = min(shape[1], band.shape[1]), min(shape[2], band.shape[2])
    out[:, :h, :w] = np.minimum(np.abs(band[:, :h, :w]), MAX_MAGNITUDE)
    return out


def activity_classes(
    coarser: Any, earlier: list[np.ndarray], orientation: int, shape: tuple[int, int, int]
) -> np.ndarray:
    """Class of each site of a band.

    Args:
        coarser: The three bands (K, h', w') of the level above; None for the coarsest.
        earlier: Bands of this level that are known.
        orientation: The band's number in its level.
        shape: (K, h, w).

    Returns:
        (K, h, w) uint8 under N_CLASSES.
    """
    activity = np.zeros(shape, np.uint16)
    if coarser is not None:
        half = shape[0], -(-shape[1] // 2), -(-shape[2] // 2)
        sizes = [_sizes(band, half) for band in coarser]
        own = sizes.pop(orientation)
        parents = OWN * own + RING * _ring(own) + OTHERS * (sizes[0] + sizes[1])
        activity += parents.repeat(2, axis=1).repeat(2, axis=2)[:, : shape[1], : shape[2]]
    for band in earlier:
        size = _sizes(band, shape)
        activity += SIBLING * size + SIBLING_RING * _ring(size)
    classes = np.zeros(shape, np.uint8)
    for threshold in THRESHOLDS:
        classes += activity >= threshold
    return classes


def read_low_band(reader: BitReader, n_maps: int, low_sites: np.ndarray) -> np.ndarray:
    """(K, h, w) int32 codes of the low band, from their differences along the sites.

    Raises:
        ValueError: as of `read_rice`, or a code is too large.
    """
    out = np.zeros((n_maps, *low_sites.shape), np.int32)
    codes = np.cumsum(read_rice_rows(reader, n_maps, int(np.count_nonzero(low_sites))), axis=1)
    check_codes(codes, MAX_LOW)
    out[:, low_sites] = codes
    return out


def check_codes(codes: np.ndarray, largest: int) -> None:
    """Raise ValueError where one is larger than any writer's."""
    found = max(int(codes.max(initial=0)), -int(codes.min(initial=0)))
    if found > largest:
        raise ValueError(f"expected codes up to {largest}, found {found}")


def _read_class(reader: BitReader, sites: np.ndarray, out: np.ndarray) -> None:
    """Read the codes of the sites (K, h, w) of one class."""
    starts = reader.integers(np.full(len(sites), START_BITS))
    used = np.flatnonzero(starts < N_LEVELS)
    low_bits = reader.integers(np.full(used.size, LOW_BITS))
    nonzero = read_flags(reader, sites[used], starts[used])
    counts = np.count_nonzero(nonzero, axis=(1, 2))
    signs = reader.flags(int(counts.sum()))
    magnitudes = 1 + read_rice(reader, np.repeat(low_bits, counts))
    check_codes(magnitudes, MAX_DETAIL)
    part = np.zeros(nonzero.shape, out.dtype)
    part[nonzero] = np.where(signs, -magnitudes, magnitudes)
    out[used] += part


def read_bands(reader: BitReader, n_maps: int, sites: Any) -> list[Any]:
    """Read the coefficients of one tile.

    Args:
        reader: At their first bit.
        n_maps: K.
        sites: Where the tile's pyramid has coefficients.

    Returns:
        Low band and details as `entropy.decode_bands` returns them, int32.

    Raises:
        ValueError: the bits end early.
    """
    bands: list[Any] = [read_low_band(reader, n_maps, sites[0])]
    for level in range(1, len(sites)):
        done: list[np.ndarray] = []
        for orientation, site in enumerate(sites[level]):
            codes = np.zeros((n_maps, *site.shape), np.int32)
            if site.any():
                coarser = bands[level - 1] if level > 1 else None
                classes = activity_classes(coarser, done, orientation, codes.shape)
                for number in range(N_CLASSES):
                    chosen = (classes == number) & site
                    if chosen.any():
                        _read_class(reader, chosen, codes)
            done.append(codes)
        bands.append(tuple(done))
    return bands
