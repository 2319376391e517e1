"""Coefficients in plain bits, sorted by the archive's own context model: FORMAT.md in this folder, from TDR5 on.

Each band is coded in two checkerboard phases, each for all maps at once, as in the archive
(decompressor/daybasis/entropy/stream.py). Coefficients of one phase are sorted by class. Those of one class are about
as large as each other: one field says how their flags are grouped, and one how many low bits their magnitudes have, for
all bands of the tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from todpack.decompressor.bits import BitReader
from todpack.decompressor.daybasis.entropy.contexts import MAX_MEAN_CODE, N_FINE_CLASSES, ContextState
from todpack.decompressor.daybasis.entropy.quincunx import PHASES, plain_index
from todpack.decompressor.daybasis.entropy.symbols import MAX_DETAIL

from .bands import LOW_BITS, check_codes, read_low_band, read_rice, read_rice_rows
from .flag_lists import read_lists

FINE_CLASSES_PER_CLASS = 2
N_CLASSES = N_FINE_CLASSES // FINE_CLASSES_PER_CLASS
COUNT_BITS, START_BITS = 6, 4  # widths of fields


@dataclass(frozen=True)
class ClassFields:
    """How the classes of a phase are coded.

    Attributes:
        starts: (N_CLASSES,) as flag_lists.py has them.
        low_bits: (N_CLASSES,) of magnitudes less 1.
    """

    starts: np.ndarray
    low_bits: np.ndarray


def sort_by_class(fine_classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flat places of what is coded, sorted by class, and how many there are in each.

    Args:
        fine_classes: uint8 of any shape; N_FINE_CLASSES and more where nothing is coded.

    Returns:
        (n,) places and (N_CLASSES,) counts.
    """
    classes = fine_classes.ravel() // np.uint8(FINE_CLASSES_PER_CLASS)
    counts = np.bincount(classes, minlength=N_CLASSES)[:N_CLASSES]
    return np.argsort(classes, kind="stable")[: int(counts.sum())], counts


def _read_means(reader: BitReader, n_bands: int, n_maps: int) -> np.ndarray:
    """(n_bands, K) codes of the mean magnitudes, from differences to the band before."""
    means = np.cumsum(read_rice_rows(reader, n_bands, n_maps), axis=0)
    if means.size and not 0 <= means.min() <= means.max() <= MAX_MEAN_CODE:
        raise ValueError(f"expected codes of means in 0..{MAX_MEAN_CODE}, found {means.min()}..{means.max()}")
    return np.asarray(means)


def _read_fields(reader: BitReader) -> ClassFields:
    n_used = int(reader.integers(np.array([COUNT_BITS]))[0])
    if n_used > N_CLASSES:
        raise ValueError(f"expected up to {N_CLASSES} classes, found {n_used}")
    out = np.zeros((N_CLASSES, 2), np.int64)
    out[:n_used] = reader.integers(np.tile([START_BITS, LOW_BITS], n_used)).reshape(n_used, 2)
    return ClassFields(out[:, 0], out[:, 1])


def _read_phase(reader: BitReader, classes: np.ndarray, fields: ClassFields) -> np.ndarray:
    """Values of a phase, in the shape of its classes."""
    places, counts = sort_by_class(classes)
    nonzero = read_lists(reader, counts, fields.starts)
    low_bits = np.repeat(fields.low_bits, counts)[nonzero]
    negative = reader.flags(low_bits.size)
    magnitudes = 1 + read_rice(reader, low_bits)
    check_codes(magnitudes, MAX_DETAIL)
    values = np.zeros(classes.size, np.int32)
    values[places[nonzero]] = np.where(negative, -magnitudes, magnitudes)
    return values.reshape(classes.shape)


def read_sorted_bands(reader: BitReader, n_maps: int, sites: Any) -> list[Any]:
    """Read the coefficients of one tile.

    Args:
        reader: At their first bit.
        n_maps: K.
        sites: Where the tile's pyramid has coefficients.

    Returns:
        Low band and details as `entropy.decode_bands` returns them, int32.

    Raises:
        ValueError: the bits end early, or say what no writer says.
    """
    bands: list[Any] = [read_low_band(reader, n_maps, sites[0])]
    means = _read_means(reader, 3 * (len(sites) - 1), n_maps).reshape(-1, 3, n_maps)
    fields = [_read_fields(reader) for _ in PHASES]
    context = ContextState(len(sites) - 1)
    for level in range(1, len(sites)):
        context.begin_level(level, [np.abs(band).astype(np.uint32) for band in bands[level - 1]] if level > 1 else [])
        done: list[np.ndarray] = []
        for orientation, site in enumerate(sites[level]):
            context.begin_band(orientation, site, means[level - 1, orientation])
            half = n_maps, site.shape[0], (site.shape[1] + 1) // 2
            codes = np.zeros((*half[:2], 2 * half[2]), np.int32)
            for phase in PHASES:
                values = np.zeros(half, np.int32)
                if values.size and means[level - 1, orientation].any():
                    values = _read_phase(reader, context.classes(phase), fields[phase])
                    codes.ravel()[plain_index(np.arange(values.size), half, phase)] = values.ravel()
                context.put(phase, values)
            done.append(codes[..., : site.shape[1]])
        bands.append(tuple(done))
    return bands
