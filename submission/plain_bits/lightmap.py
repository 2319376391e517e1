"""One lightmap as a file of plain bits, for graders that allow no general-purpose compressor; see docs/contest.md.

A header of fixed size, then bits: times, exponents and gap modes, mask, basis, rotations, and tile by tile the classes
of its blocks and its coefficients. What is stored and what it decodes to is the archive's, only packed otherwise.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from todpack.decompressor.bits import BitReader, unzigzag
from todpack.decompressor.daybasis.temporal.basis_codes import dequantize_basis
from todpack.decompressor.daybasis.temporal.ramps import HOURS_PER_DAY, gap_lengths, ramp_table
from todpack.decompressor.daybasis.transform.pyramid import build_pyramid, in_coding_order
from todpack.decompressor.daybasis.transform.reconstruct import Grids, reconstruct_maps
from todpack.decompressor.daybasis.transform.rotations import BLOCK, Regions, rotations_of_codes
from todpack.decompressor.daybasis.transform.smoothing import WEIGHT_SCALE, Smoothing
from todpack.decompressor.grid import TileGrid

from .bands import read_bands, read_rice
from .zero_flags import N_LEVELS, read_flags

MAGIC = b"TDR1"
HEADER = struct.Struct("<4sHHHHBBHbBbbdfdBB")
"""magic, height, width, times, K, classes - 1, levels, tile, P, curve, centroids * 32 (two), q_step, knee, bound
and weights * 64 (two) of the smoothing."""
CURVES = ("none", "square", "exp")
TEXEL_BYTES, SAMPLE_BYTES, TABLE_BYTES, MEMORY_PER_BYTE = 64, 32, 160, 48 << 10
"""What decoding takes for each texel, texel of a map, and entry of the tables, and what a byte of the file may ask for;
as in limits.py and working_set.py of the package that this module is shipped without."""
MAX_STEP_EXPONENT = 100
HOUR_STEPS = 100  # times are stored in hundredths of an hour
HOUR_BITS, EXPONENT_BITS, RICE_BITS = 12, 8, 5
EXPONENT_BIAS = 128


@dataclass(frozen=True)
class RawLightmap:
    """A lightmap ready to be evaluated at any time.

    Attributes:
        maps: (K, H, W) float32.
        hours: (T,) float64 stored times.
        first: (3K + 3,) float32, matrix by rows of channels and offset at the first time.
        steps: (3T, 3K + 3) float32 ramps, see ramps.py.
        grid: (3K + 3,) float32 steps of the matrix and the offset.
        curve: From affine values to radiance, one of CURVES.
        knee: Of "exp".
    """

    maps: np.ndarray
    hours: np.ndarray
    first: np.ndarray
    steps: np.ndarray
    grid: np.ndarray
    curve: str
    knee: float

    def affine(self, time_h: float) -> tuple[np.ndarray, np.ndarray]:
        """Matrix (3, K) and offset (3, 1) at a time, float32.

        Args:
            time_h: Hours in [0, 24].
        """
        time, hours = np.float32(time_h), self.hours.astype(np.float32)
        if time < hours[0]:
            time += np.float32(HOURS_PER_DAY)
        u = np.clip((time - hours) / gap_lengths(self.hours), np.float32(0), np.float32(1))
        rest = np.float32(1) - u
        ramps = np.concatenate([u, u * rest * rest, u * rest * u])
        values = np.rint((ramps @ self.steps + self.first) / self.grid) * self.grid
        n = len(self.maps)
        return values[: 3 * n].reshape(3, n), values[3 * n :].reshape(3, 1)


def read_mask(reader: BitReader, height: int, width: int) -> np.ndarray:
    """(H, W) bool: the corners of the mask as a bitmap with flags for empty squares."""
    corners = read_flags(reader, np.ones((1, height, width), bool), np.array([N_LEVELS - 1]))[0]
    filled: np.ndarray = np.logical_xor.accumulate(np.logical_xor.accumulate(corners, axis=0), axis=1)
    return filled


def read_rows(reader: BitReader, n_rows: int, n_columns: int) -> np.ndarray:
    """(n_rows, n_columns) signed integers, each row with low bits of its own."""
    low_bits = reader.integers(np.full(n_rows, RICE_BITS))
    return unzigzag(read_rice(reader, np.repeat(low_bits, n_columns))).reshape(n_rows, n_columns)


def region_bits(n_regions: int) -> int:
    """Width of a block's region."""
    return (n_regions - 1).bit_length()


def read_blocks(reader: BitReader, shape: tuple[int, int], last_region: int) -> np.ndarray:
    """(rows, columns) uint8 region of each block of a tile."""
    n_blocks = shape[0] * shape[1]
    return reader.integers(np.full(n_blocks, region_bits(last_region + 1))).astype(np.uint8).reshape(shape)


def _is_sound(data: bytes, fields: tuple[Any, ...]) -> bool:
    """Whether the header's numbers make sense, and ask for no more memory than a file of this size may."""
    height, width, n_hours, n_maps, last_class, n_levels, tile, precision, curve = fields[1:10]
    one, more, q_step, knee, bound, along_x, along_y = fields[10:]
    if not (min(height, width, n_hours, n_maps) >= 1 and 1 <= n_levels <= 12 and tile >= 8 and curve < len(CURVES)):
        return False
    if not (max(abs(one), abs(more)) <= 16 and max(along_x, along_y) <= 16 and -64 <= precision <= 64):
        return False
    if not (0 < q_step <= 1e9 and 0 <= bound <= 1e3 and 0 <= knee <= 1e30):
        return False
    n_bytes = height * width * (TEXEL_BYTES + SAMPLE_BYTES * n_maps) + TABLE_BYTES * n_hours * (3 * n_maps + 3)
    n_bytes += TABLE_BYTES * (last_class + 1) * n_maps**2
    return bool(n_bytes <= MEMORY_PER_BYTE * max(len(data), 1024))


def read_lightmap(path: Path) -> RawLightmap:
    """Read and decode one lightmap.

    Raises:
        OSError: there is no such file.
        ValueError: it is not such a file, or it is cut off.
    """
    data = path.read_bytes()
    if len(data) < HEADER.size or data[: len(MAGIC)] != MAGIC:
        raise ValueError(f"{path}: expected a lightmap of plain bits, found something else")
    (_, height, width, n_hours, n_maps, last_class, n_levels, tile, precision, curve, one, more, q_step, knee) = (
        fields := HEADER.unpack_from(data)
    )[:14]
    bound, along_x, along_y = fields[14:]
    if not _is_sound(data, fields):
        raise ValueError(f"{path}: expected a lightmap of plain bits, found numbers in its header that none has")
    smoothing = Smoothing(bound, (along_x / WEIGHT_SCALE, along_y / WEIGHT_SCALE))
    reader = BitReader(data[HEADER.size :])
    hours = reader.integers(np.full(n_hours, HOUR_BITS)) / HOUR_STEPS
    exponents = reader.integers(np.full(n_maps + 1, EXPONENT_BITS)) - EXPONENT_BIAS
    steps = precision + exponents[:-1]
    if (np.diff(hours) <= 0).any() or hours[-1] >= HOURS_PER_DAY or np.abs(steps).max() > MAX_STEP_EXPONENT:
        raise ValueError(f"{path}: expected times ascending within a day and steps that float32 has, found others")
    modes = "".join("C" if cubic else "L" for cubic in reader.flags(n_hours))
    valid = read_mask(reader, height, width)
    codes = read_rows(reader, n_maps + 1, 3 * n_hours)
    matrix, offset = dequantize_basis(codes.reshape(n_maps + 1, 3, n_hours).transpose(2, 1, 0), exponents)
    values = np.concatenate([matrix.reshape(n_hours, -1), offset.reshape(n_hours, 3)], axis=1)
    rotations = np.eye(n_maps)[None]
    if last_class:
        rotations = rotations_of_codes(read_rows(reader, last_class + 1, n_maps * (n_maps - 1) // 2), n_maps)
    maps = np.zeros((n_maps, height, width), np.float32)
    for place in TileGrid(height, width, tile):
        inside = np.ascontiguousarray(place.cut(valid))
        if not inside.any():
            continue
        blocks = read_blocks(reader, TileGrid(*place.shape, BLOCK).shape, last_class)
        pyramid = build_pyramid(inside, n_levels)
        place.cut(maps)[...] = reconstruct_maps(
            in_coding_order(read_bands(reader, n_maps, pyramid.sites)),
            pyramid,
            Regions(blocks, rotations),
            q_step=q_step,
            centroids=(one / 32, more / 32),
            smoothing=smoothing if bound else None,
            grids=Grids(exponents[:-1], precision),
        )
    grid = np.ldexp(1.0, exponents)
    return RawLightmap(
        maps,
        hours,
        values[0].astype(np.float32),
        ramp_table(values, hours, modes).astype(np.float32),
        np.append(np.tile(grid[:-1], 3), [grid[-1]] * 3).astype(np.float32),
        CURVES[curve],
        knee,
    )
