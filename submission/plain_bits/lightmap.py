"""One lightmap as a file of plain bits, for graders that allow no general-purpose compressor. FORMAT.md has the format.

What is stored and what it decodes to is the archive's, only packed otherwise.
"""

from __future__ import annotations

import struct
from binascii import crc32
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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
from .golomb import read_golomb
from .sorted_bands import read_sorted_bands
from .zero_flags import N_LEVELS, read_flags

MAGIC, MAGIC_WITH_OUTLIERS = b"TDR5", b"TDR6"
OLD = b"TDR1", b"TDR2", b"TDR3", b"TDR4"
"""Of files with another layout, whose details are bitmaps."""
WITHOUT_CHECKSUM = b"TDR1", b"TDR2"
WITH_OUTLIERS = b"TDR2", b"TDR4", MAGIC_WITH_OUTLIERS
CHECKSUM_BYTES = 4  # behind the header
CURVES = ("none", "square", "exp")
CENTROID_SCALE = 32
TEXEL_BYTES, SAMPLE_BYTES, TABLE_BYTES, MEMORY_PER_BYTE = 64, 32, 160, 48 << 10
"""What decoding takes for each texel, texel of a map, and entry of the tables, and what a byte of the file may ask for;
about what decompressor/limits.py and working_set.py allow an archive."""
MAX_STEP_EXPONENT = 100
HOUR_STEPS = 100  # times are stored in hundredths of an hour
HOUR_BITS, EXPONENT_BITS, RICE_BITS, WORD_BITS = 12, 8, 5, 16
EXPONENT_BIAS = 128


class Header(NamedTuple):
    """The first bytes of a file, in this order; scaled integers say their scale in FORMAT.md."""

    magic: bytes
    height: int
    width: int
    n_hours: int
    n_maps: int
    last_region: int
    n_levels: int
    tile: int
    precision: int
    curve: int
    centroid_one: int
    centroid_more: int
    q_step: float
    knee: float
    smoothing_bound: float
    smoothing_x: int
    smoothing_y: int

    @staticmethod
    def unpack(data: bytes) -> Header:
        """The header of a file.

        Raises:
            ValueError: it is another kind of file; or the numbers make no sense, or ask for more memory than a file of
                this size may.
        """
        if len(data) < HEADER.size or data[: len(MAGIC)] not in (MAGIC, MAGIC_WITH_OUTLIERS, *OLD):
            raise ValueError("expected a lightmap of plain bits, found something else")
        header = Header(*HEADER.unpack_from(data))
        if not (header._is_sound() and header._memory_bytes() <= MEMORY_PER_BYTE * max(len(data), 1024)):
            raise ValueError("expected a lightmap of plain bits, found numbers in its header that none has")
        return header

    def pack(self) -> bytes:
        """The inverse of `unpack`."""
        return HEADER.pack(*self)

    def _is_sound(self) -> bool:
        return (
            min(self.height, self.width, self.n_hours, self.n_maps) >= 1
            and 1 <= self.n_levels <= 12
            and self.tile >= 8
            and self.curve < len(CURVES)
            and max(abs(self.centroid_one), abs(self.centroid_more)) <= CENTROID_SCALE // 2
            and max(self.smoothing_x, self.smoothing_y) <= WEIGHT_SCALE // 4
            and -64 <= self.precision <= 64
            and 0 < self.q_step <= 1e9
            and 0 <= self.smoothing_bound <= 1e3
            and 0 <= self.knee <= 1e30
        )

    def _memory_bytes(self) -> int:
        """What decoding takes."""
        tables = self.n_hours * (3 * self.n_maps + 3) + (self.last_region + 1) * self.n_maps**2
        return self.height * self.width * (TEXEL_BYTES + SAMPLE_BYTES * self.n_maps) + TABLE_BYTES * tables


HEADER = struct.Struct("<4sHHHHBBHbBbbdfdBB")


@dataclass(frozen=True)
class PlainLightmap:
    """A lightmap ready to be evaluated at any time.

    Attributes:
        maps: (K, H, W) float32.
        hours: (T,) float64 stored times.
        first: (3K + 3,) float32, matrix by rows of channels and offset at the first time.
        steps: (3T, 3K + 3) float32 ramps, see ramps.py.
        grid: (3K + 3,) float32 steps of the matrix and the offset.
        curve: From affine values to radiance, one of CURVES.
        knee: Of "exp".
        outlier_places: (n, 2) int64 stored time and texel, counted row by row, of what is stored as it is.
        outlier_values: (n, 3) float32.
    """

    maps: np.ndarray
    hours: np.ndarray
    first: np.ndarray
    steps: np.ndarray
    grid: np.ndarray
    curve: str
    knee: float
    outlier_places: np.ndarray
    outlier_values: np.ndarray

    def outliers(self, time_h: float) -> tuple[np.ndarray, np.ndarray]:
        """(m,) texels, counted row by row, and (m, 3) float32 radiance that they have at this time, whatever else.

        Args:
            time_h: Hours in [0, 24].
        """
        times = self.hours.astype(np.float32)
        found = times[self.outlier_places[:, 0]] == np.float32(time_h % HOURS_PER_DAY)
        return self.outlier_places[found, 1], self.outlier_values[found]

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

    def radiance(self, time_h: float) -> np.ndarray:
        """(H, W, 3) float32 linear radiance at a time, as `Interface.py` decodes it, without PyTorch."""
        n_maps, height, width = self.maps.shape
        matrix, offset = self.affine(time_h)
        values = matrix @ self.maps.reshape(n_maps, -1) + offset
        if self.curve == "exp":
            values = np.exp(values) - np.float32(self.knee)
        radiance = np.maximum(values, 0)
        if self.curve == "square":
            radiance *= radiance
        texels, outliers = self.outliers(time_h)
        radiance[:, texels] = outliers.T
        return np.asarray(radiance.T.reshape(height, width, 3))


def read_mask(reader: BitReader, height: int, width: int) -> np.ndarray:
    """(H, W) bool: the corners of the mask as a bitmap with flags for empty squares."""
    corners = read_flags(reader, np.ones((1, height, width), bool), np.array([N_LEVELS - 1]))[0]
    filled: np.ndarray = np.logical_xor.accumulate(np.logical_xor.accumulate(corners, axis=0), axis=1)
    return filled


def read_rows(reader: BitReader, n_rows: int, n_columns: int, *, is_old: bool = False) -> np.ndarray:
    """(n_rows, n_columns) signed integers, each row of an order of its own, in older files with low bits of its own."""
    low_bits = np.repeat(reader.integers(np.full(n_rows, RICE_BITS)), n_columns)
    codes = read_rice(reader, low_bits) if is_old else read_golomb(reader, low_bits)
    return unzigzag(codes).reshape(n_rows, n_columns)


def region_bits(n_regions: int) -> int:
    """Width of a block's region."""
    return (n_regions - 1).bit_length()


def read_blocks(reader: BitReader, shape: tuple[int, int], last_region: int) -> np.ndarray:
    """(rows, columns) uint8 region of each block of a tile."""
    n_blocks = shape[0] * shape[1]
    return reader.integers(np.full(n_blocks, region_bits(last_region + 1))).astype(np.uint8).reshape(shape)


def read_outliers(reader: BitReader, header: Header) -> tuple[np.ndarray, np.ndarray]:
    """Places and values of outliers, see `PlainLightmap`."""
    if header.magic not in WITH_OUTLIERS:
        return np.zeros((0, 2), np.int64), np.zeros((0, 3), np.float32)
    count = int(reader.integers(np.array([WORD_BITS]))[0])
    words = reader.integers(np.full(9 * count, WORD_BITS)).reshape(count, 9)
    time, row, column = words[:, :3].T
    values = np.ascontiguousarray((words[:, 3::2] << WORD_BITS | words[:, 4::2]).astype(np.uint32)).view(np.float32)
    ends = header.n_hours, header.height, header.width
    if (words[:, :3] >= ends).any() or not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError("expected outliers in the day and values >= 0, found others")
    return np.stack([time, row * header.width + column], axis=1), values


def read_lightmap(path: Path) -> PlainLightmap:
    """Read and decode one lightmap.

    Raises:
        OSError: there is no such file.
        ValueError: it is not such a file, or it is cut off.
    """
    data = path.read_bytes()
    try:
        return _decode(Header.unpack(data), BitReader(_content(data)))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def with_checksum(header: Header, content: bytes) -> bytes:
    """A file of its header and the bits that follow."""
    head = header.pack()
    return head + crc32(content, crc32(head)).to_bytes(CHECKSUM_BYTES, "little") + content


def _content(data: bytes) -> bytes:
    """What follows the header and the checksum.

    Raises:
        ValueError: the file was changed or cut off.
    """
    head, rest = data[: HEADER.size], data[HEADER.size :]
    if head.startswith(WITHOUT_CHECKSUM):
        return rest
    content = rest[CHECKSUM_BYTES:]
    if crc32(content, crc32(head)) != int.from_bytes(rest[:CHECKSUM_BYTES], "little"):
        raise ValueError("checksum does not match; the file is damaged")
    return content


def _decode(header: Header, reader: BitReader) -> PlainLightmap:
    height, width, n_hours, n_maps = header.height, header.width, header.n_hours, header.n_maps
    hours = reader.integers(np.full(n_hours, HOUR_BITS)) / HOUR_STEPS
    exponents = reader.integers(np.full(n_maps + 1, EXPONENT_BITS)) - EXPONENT_BIAS
    steps = header.precision + exponents[:-1]
    if (np.diff(hours) <= 0).any() or hours[-1] >= HOURS_PER_DAY or np.abs(steps).max() > MAX_STEP_EXPONENT:
        raise ValueError("expected times ascending within a day and steps that float32 has, found others")
    modes = "".join("C" if cubic else "L" for cubic in reader.flags(n_hours))
    valid = read_mask(reader, height, width)
    is_old = header.magic in OLD
    codes = read_rows(reader, n_maps + 1, 3 * n_hours, is_old=is_old)
    matrix, offset = dequantize_basis(codes.reshape(n_maps + 1, 3, n_hours).transpose(2, 1, 0), exponents)
    values = np.concatenate([matrix.reshape(n_hours, -1), offset.reshape(n_hours, 3)], axis=1)
    rotations = np.eye(n_maps)[None]
    if header.last_region:
        turns = read_rows(reader, header.last_region + 1, n_maps * (n_maps - 1) // 2, is_old=is_old)
        rotations = rotations_of_codes(turns, n_maps)
    smoothing = None
    if header.smoothing_bound:
        weights = header.smoothing_x / WEIGHT_SCALE, header.smoothing_y / WEIGHT_SCALE
        smoothing = Smoothing(header.smoothing_bound, weights)
    maps = np.zeros((n_maps, height, width), np.float32)
    read = read_bands if is_old else read_sorted_bands
    for place in TileGrid(height, width, header.tile):
        inside = np.ascontiguousarray(place.cut(valid))
        if not inside.any():
            continue
        blocks = read_blocks(reader, TileGrid(*place.shape, BLOCK).shape, header.last_region)
        pyramid = build_pyramid(inside, header.n_levels)
        place.cut(maps)[...] = reconstruct_maps(
            in_coding_order(read(reader, n_maps, pyramid.sites)),
            pyramid,
            Regions(blocks, rotations),
            q_step=header.q_step,
            centroids=(header.centroid_one / CENTROID_SCALE, header.centroid_more / CENTROID_SCALE),
            smoothing=smoothing,
            grids=Grids(exponents[:-1], header.precision),
        )
    grid = np.ldexp(1.0, exponents)
    return PlainLightmap(
        maps,
        hours,
        values[0].astype(np.float32),
        ramp_table(values, hours, modes).astype(np.float32),
        np.append(np.tile(grid[:-1], 3), [grid[-1]] * 3).astype(np.float32),
        CURVES[header.curve],
        header.knee,
        *read_outliers(reader, header),
    )
