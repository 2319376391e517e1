"""What all texels of a file of plain bits share: times, matrices, rotations; "Content" in this folder's FORMAT.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from todpack.decompressor.bits import BitReader, unzigzag
from todpack.decompressor.daybasis.temporal.basis_codes import dequantize_basis
from todpack.decompressor.daybasis.temporal.ramps import HOURS_PER_DAY, ramp_table

from .bands import read_rice_rows
from .golomb import read_golomb
from .header import OLD, Header

MAX_STEP_EXPONENT = 100
HOUR_STEPS = 100  # times are stored in hundredths of an hour
HOUR_BITS, EXPONENT_BITS, RICE_BITS = 12, 8, 5
EXPONENT_BIAS = 128


@dataclass(frozen=True)
class Tables:
    """What a file says of all texels.

    Attributes:
        header: Its header.
        hours: (T,) float64 stored times.
        exponents: (K + 1,) int64, of the maps' steps and the offset's.
        first: (3K + 3,) float32, matrix by rows of channels and offset at the first time.
        steps: (3T, 3K + 3) float32 ramps, see ramps.py.
        grid: (3K + 3,) float32 steps of the matrix and the offset.
        rotation_codes: (R, K (K - 1) / 2) int64; no rows where there are no rotations.
    """

    header: Header
    hours: np.ndarray
    exponents: np.ndarray
    first: np.ndarray
    steps: np.ndarray
    grid: np.ndarray
    rotation_codes: np.ndarray


def read_rows(reader: BitReader, n_rows: int, n_columns: int, *, is_old: bool = False) -> np.ndarray:
    """(n_rows, n_columns) signed integers, each row of an order of its own, in older files with low bits of its own."""
    if is_old:
        return read_rice_rows(reader, n_rows, n_columns, RICE_BITS)
    orders = np.repeat(reader.integers(np.full(n_rows, RICE_BITS)), n_columns)
    return unzigzag(read_golomb(reader, orders)).reshape(n_rows, n_columns)


def read_times(reader: BitReader, header: Header) -> tuple[np.ndarray, np.ndarray, str]:
    """Stored times, exponents and gap modes: what stands before the mask.

    Raises:
        ValueError: the bits end early, or the numbers make no sense.
    """
    hours = reader.integers(np.full(header.n_hours, HOUR_BITS)) / HOUR_STEPS
    exponents = reader.integers(np.full(header.n_maps + 1, EXPONENT_BITS)) - EXPONENT_BIAS
    steps = header.precision + exponents[:-1]
    if (np.diff(hours) <= 0).any() or hours[-1] >= HOURS_PER_DAY or np.abs(steps).max() > MAX_STEP_EXPONENT:
        raise ValueError("expected times ascending within a day and steps that float32 has, found others")
    return hours, exponents, "".join("C" if cubic else "L" for cubic in reader.flags(header.n_hours))


def read_tables(reader: BitReader, header: Header, hours: np.ndarray, exponents: np.ndarray, modes: str) -> Tables:
    """Matrices and rotations: what stands behind the mask.

    Raises:
        ValueError: the bits end early, or numbers are too large.
    """
    n_hours, n_maps, n_pairs = header.n_hours, header.n_maps, header.n_maps * (header.n_maps - 1) // 2
    is_old, turns = header.magic in OLD, np.zeros((0, n_pairs), np.int64)
    codes = read_rows(reader, n_maps + 1, 3 * n_hours, is_old=is_old)
    matrix, offset = dequantize_basis(codes.reshape(n_maps + 1, 3, n_hours).transpose(2, 1, 0), exponents)
    values = np.concatenate([matrix.reshape(n_hours, -1), offset.reshape(n_hours, 3)], axis=1)
    if header.last_region:
        turns = read_rows(reader, header.last_region + 1, n_pairs, is_old=is_old)
    grid = np.ldexp(1.0, exponents)
    parts = values[0], ramp_table(values, hours, modes), np.append(np.tile(grid[:-1], 3), [grid[-1]] * 3)
    with np.errstate(over="ignore"):
        first, steps, grids = (part.astype(np.float32) for part in parts)
    if not np.isfinite(steps).all() or not np.isfinite(first).all():
        raise ValueError("expected a matrix of numbers that float32 has, found larger ones")
    return Tables(header, hours, exponents, first, steps, grids, turns)
