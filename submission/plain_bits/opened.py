"""A file of plain bits whose tiles are decoded when they are asked for: by the native core, or by NumPy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from todpack.decompressor.bits import BitReader
from todpack.decompressor.cached import cached_property
from todpack.decompressor.daybasis import native
from todpack.decompressor.daybasis.entry import DayBasisEntry
from todpack.decompressor.daybasis.transform.pyramid import build_pyramid, in_coding_order
from todpack.decompressor.daybasis.transform.reconstruct import Grids, reconstruct_maps
from todpack.decompressor.daybasis.transform.rotations import BLOCK, Regions, rotations_of_codes
from todpack.decompressor.daybasis.transform.smoothing import WEIGHT_SCALE, Smoothing
from todpack.decompressor.grid import Place, TileGrid

from .bands import read_bands
from .header import (
    CENTROID_SCALE,
    CURVES,
    OLD,
    WITH_OUTLIERS,
    Header,
    content_of,
    memory_for,
)
from .sorted_bands import read_sorted_bands
from .tables import read_tables, read_times
from .zero_flags import N_LEVELS, read_flags

WORD_BITS = 16


class PlainFile:
    """One lightmap; `tiles` gives all of its maps in order, `maps` those of a tile that was read before.

    Args:
        path: The file.
        is_native: Whether the native core decodes it, None: where it is there.
        data: Its bytes, where they are not read from there.

    Raises:
        OSError: there is no such file.
        ValueError: it is not such a file, it is cut off, or it asks for more memory than a file of its size may.
    """

    def __init__(self, path: Path, is_native: bool | None = None, data: bytes | None = None) -> None:
        data = path.read_bytes() if data is None else data
        self._path, self.n_bytes = path, len(data)
        self._is_native = native.IS_THERE if is_native is None else is_native
        try:
            self.header = header = Header.unpack(data)
            self._content = content_of(data)
            self._is_native &= header.magic not in OLD  # NumPy reads the older layout
            self._reader = BitReader(self._content)
            times = read_times(self._reader, header)
            self.grid = TileGrid(header.height, header.width, header.tile)
            self._read_mask()
            self.tables = read_tables(self._reader, header, *times)
            self._rotations = self._native_rotations()
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        smoothing = None
        if header.smoothing_bound:
            weights = header.smoothing_x / WEIGHT_SCALE, header.smoothing_y / WEIGHT_SCALE
            smoothing = Smoothing(header.smoothing_bound, weights)
        self._entry = DayBasisEntry(
            n_components=header.n_maps,
            n_classes=header.last_region + 1,
            q_step=header.q_step,
            centroids=(header.centroid_one / CENTROID_SCALE, header.centroid_more / CENTROID_SCALE),
            n_levels=header.n_levels,
            tile=header.tile,
            precision=header.precision,
            exponents=self.tables.exponents,
            gap_modes=times[2],
            entropy="",
            smoothing=smoothing,
            frame_graph="",
            curve=CURVES[header.curve],
        )
        self._starts: dict[int, int] = {}  # the first bit of each tile that was read
        self._end = self._reader.position  # of what was read so far

    def _read_mask(self) -> None:
        """The mask, held as one bit a texel; and which tiles have a valid one."""
        header, reader = self.header, self._reader
        shape = header.height, header.width
        if self._is_native:
            valid, reader.position = native.read_plain_mask(self._content, reader.position, shape)
        else:
            valid = read_mask(reader, *shape)
        self._packed = np.packbits(valid, axis=1)
        self.numbers = [place.number for place in self.grid if place.cut(valid).any()]
        texels = sum(int(np.prod(self.grid[number].shape)) for number in self.numbers)
        if header.memory_bytes(texels) > memory_for(self.n_bytes):
            raise ValueError("expected a lightmap of plain bits, found more texels than a file of this size has")

    def valid(self, place: Place) -> np.ndarray:
        """(h, w) bool, the mask of a tile or of some of its rows."""
        first, end = place.columns.start // 8, -(-place.columns.stop // 8)
        bits = np.unpackbits(self._packed[place.rows, first:end], axis=1)
        skipped = place.columns.start - 8 * first
        return np.ascontiguousarray(bits[:, skipped : skipped + place.shape[1]]).view(bool)

    def _native_rotations(self) -> bytes | None:
        if not self._is_native or not self.header.last_region:
            return None
        try:
            return native.rotations_of_codes(self.tables.rotation_codes, self.header.n_maps)
        except native.BeyondExact:
            self._is_native = False
            return None

    @cached_property
    def _numpy_rotations(self) -> np.ndarray:
        codes, n_maps = self.tables.rotation_codes, self.header.n_maps
        return rotations_of_codes(codes, n_maps) if len(codes) else np.eye(n_maps)[None]

    def tiles(self) -> Iterator[tuple[Place, np.ndarray]]:
        """Place and maps (K, h, w) float32 of all tiles that have a valid texel, one after another.

        Raises:
            ValueError: the file is cut off.
        """
        for number in self.numbers:
            self._starts.setdefault(number, self._end)
            maps = self.maps(number)
            self._end = max(self._end, self._reader.position)
            yield self.grid[number], maps

    def maps(self, number: int) -> np.ndarray:
        """(K, h, w) float32 maps of a tile that `tiles` came by.

        Raises:
            ValueError: the file is cut off.
        """
        place, reader = self.grid[number], self._reader
        reader.position = self._starts[number]
        try:
            valid = self.valid(place)
            blocks = read_blocks(reader, TileGrid(*place.shape, BLOCK).shape, self.header.last_region)
            if self._is_native:
                try:
                    tile, reader.position = native.decode_plain_bits(
                        self._content, reader.position, valid, self._entry, blocks, self._rotations
                    )
                    return native.latents(tile)
                except native.BeyondExact:  # NumPy takes it
                    pass
            return self._by_numpy(valid, blocks)
        except ValueError as error:
            raise ValueError(f"{self._path}: {error}") from error

    def _by_numpy(self, valid: np.ndarray, blocks: np.ndarray) -> np.ndarray:
        entry, pyramid = self._entry, build_pyramid(valid, self.header.n_levels)
        read = read_bands if self.header.magic in OLD else read_sorted_bands
        return reconstruct_maps(
            in_coding_order(read(self._reader, entry.n_components, pyramid.sites)),
            pyramid,
            Regions(blocks, self._numpy_rotations),
            q_step=entry.q_step,
            centroids=entry.centroids,
            smoothing=entry.smoothing,
            grids=Grids(entry.exponents[:-1], entry.precision),
        )

    def outliers(self) -> tuple[np.ndarray, np.ndarray]:
        """(n, 2) int64 stored time and texel, counted row by row, and (n, 3) float32 values; once all tiles were read.

        Raises:
            ValueError: the file is cut off, or they lie outside of it.
        """
        header, reader = self.header, self._reader
        if header.magic not in WITH_OUTLIERS:
            return np.zeros((0, 2), np.int64), np.zeros((0, 3), np.float32)
        reader.position = self._end
        try:
            return read_outliers(reader, header)
        except ValueError as error:
            raise ValueError(f"{self._path}: {error}") from error


def read_mask(reader: BitReader, height: int, width: int) -> np.ndarray:
    """(H, W) bool: the corners of the mask as a bitmap with flags for empty squares."""
    corners = read_flags(reader, np.ones((1, height, width), bool), np.array([N_LEVELS - 1]))[0]
    filled: np.ndarray = np.logical_xor.accumulate(np.logical_xor.accumulate(corners, axis=0), axis=1)
    return filled


def region_bits(n_regions: int) -> int:
    """Width of a block's region."""
    return (n_regions - 1).bit_length()


def read_blocks(reader: BitReader, shape: tuple[int, int], last_region: int) -> np.ndarray:
    """(rows, columns) uint8 region of each block of a tile.

    Raises:
        ValueError: the bits end early, or there is no such region.
    """
    n_blocks = shape[0] * shape[1]
    blocks = reader.integers(np.full(n_blocks, region_bits(last_region + 1))).astype(np.uint8).reshape(shape)
    if int(blocks.max(initial=0)) > last_region:
        raise ValueError(f"expected regions up to {last_region}, found {int(blocks.max())}")
    return blocks


def read_outliers(reader: BitReader, header: Header) -> tuple[np.ndarray, np.ndarray]:
    """Places and values of outliers, see `Times`."""
    count = int(reader.integers(np.array([WORD_BITS]))[0])
    words = reader.integers(np.full(9 * count, WORD_BITS)).reshape(count, 9)
    time, row, column = words[:, :3].T
    values = np.ascontiguousarray((words[:, 3::2] << WORD_BITS | words[:, 4::2]).astype(np.uint32)).view(np.float32)
    ends = header.n_hours, header.height, header.width
    if (words[:, :3] >= ends).any() or not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError("expected outliers in the day and values >= 0, found others")
    if not (np.diff((time * header.height + row) * header.width + column) > 0).all():
        raise ValueError("expected outliers by ascending places, found others")
    return np.stack([time, row * header.width + column], axis=1), values
