"""The decoder of the family `daybasis`: tiles of latent maps, one small matrix per time.

Maps and matrices are kept on grids of powers of two, so coarse that every sum of products is exact in float32. The
result then depends neither on the order of summation nor on the library, the number of threads or the machine.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..container import Container
from ..errors import InvalidGraphError, InvalidSectionError, LimitExceededError
from ..graphs.dims import COLUMNS, ROWS
from ..graphs.runtime import Runtime
from ..graphs.session import run_session
from ..graphs.shapes import GraphInputs
from ..metadata import ArchiveEntry, LightmapEntry
from .entropy.symbols import EntropyError
from .entry import DayBasisEntry
from .temporal.basis_codes import dequantize_basis
from .temporal.ramps import ramp_table
from .tile_cache import TileCache
from .transform.reconstruct import decode_tile, threads_for
from .transform.rotations import BLOCK, Regions, turns_of_codes
from .transform.smoothing import Smoother
from .transform.snapping import snap_to_grid

MAX_CACHED_TIMES = 64
MAX_ENTRY = 2.0**40
ZIGZAG_DTYPES = ("<u2", "<i4")


def unzigzag(codes: np.ndarray) -> np.ndarray:
    """0, 1, 2, 3, 4, ... -> 0, -1, 1, -2, 2, ... as int64."""
    values = codes.astype(np.int64)
    signed: np.ndarray = (values >> 1) ^ -(values & 1)
    return signed


class DayBasisDecoder:
    """Decodes one lightmap; tiles are read when they are needed and kept while there is room."""

    def __init__(
        self,
        container: Container,
        archive: ArchiveEntry,
        lightmap: LightmapEntry,
        entry: DayBasisEntry,
        valid: np.ndarray,
        runtime: Runtime,
    ) -> None:
        self._container, self._lightmap, self._entry, self._valid = container, lightmap, entry, valid
        self._hours, self._threads = archive.hours, runtime.workers
        self._where = f"{container.path}: section {entry.frame_graph}"
        self._tiles = TileCache(runtime.memory.cache_bytes)
        self._lock = threading.Lock()
        self._affine: OrderedDict[float, tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._first, self._steps = self._read_basis()
        self._turns = self._read_turns()
        grid = np.ldexp(1.0, entry.exponents)
        self._grid = np.append(np.repeat(grid[:-1][None], 3, axis=0).ravel(), [grid[-1]] * 3).astype(np.float32)
        shapes = {name: table.shape for name, table in self.frame_inputs().items()}
        inputs = GraphInputs(
            {**shapes, "z": (entry.n_components, ROWS, COLUMNS), "time_h": (1,)},
            min(entry.tile, lightmap.height),
            min(entry.tile, lightmap.width),
        )
        self._session = runtime.load(container, entry.frame_graph, inputs)

    @property
    def n_tiles(self) -> int:
        """Tiles that decode on their own."""
        return -(-self._lightmap.height // self._entry.tile) * -(-self._lightmap.width // self._entry.tile)

    def _read_basis(self) -> tuple[np.ndarray, np.ndarray]:
        """(1, 3K + 3) row of the first time and (3T, 3K + 3) ramps, float32: A in rows of channels, then b."""
        n_hours, n_columns = len(self._hours), self._entry.n_components + 1
        name = f"{self._lightmap.index}/basis"
        codes = self._container.read_array(name)
        if codes.shape != (n_columns, 3, n_hours) or codes.dtype.str not in ZIGZAG_DTYPES:
            raise InvalidSectionError(
                f"{self._container.path}: section {name}: expected u2 or i4 of shape {[n_columns, 3, n_hours]}, "
                f"found {codes.dtype} {list(codes.shape)}"
            )
        matrix, offset = dequantize_basis(unzigzag(codes).transpose(2, 1, 0), self._entry.exponents)
        values = np.concatenate([matrix.reshape(n_hours, -1), offset.reshape(n_hours, 3)], axis=1)
        if np.abs(values).max() > MAX_ENTRY:  # far beyond any light; products with maps stay in float32's range
            raise InvalidSectionError(f"{self._container.path}: section {name}: an entry is over {MAX_ENTRY:g}")
        table = ramp_table(values, self._hours, self._entry.gap_modes)
        return values[:1].astype(np.float32), table.astype(np.float32)

    def _read_turns(self) -> np.ndarray:
        """(n_classes, K, K) float64 regional rotations."""
        n, n_classes = self._entry.n_components, self._entry.n_classes
        if n_classes == 1:
            return np.eye(n)[None]
        name = f"{self._lightmap.index}/turns"
        codes = self._container.read_array(name)
        if codes.shape != (n_classes, n * (n - 1) // 2) or codes.dtype.str not in ZIGZAG_DTYPES:
            raise InvalidSectionError(
                f"{self._container.path}: section {name}: expected u2 or i4 of shape {[n_classes, n * (n - 1) // 2]}, "
                f"found {codes.dtype} {list(codes.shape)}"
            )
        return turns_of_codes(unzigzag(codes), n)

    def _read_classes(self, number: int, shape: tuple[int, ...]) -> np.ndarray:
        """Class of each block of a tile, (rows, columns) uint8."""
        blocks = (-(-shape[0] // BLOCK), -(-shape[1] // BLOCK))
        if self._entry.n_classes == 1:
            return np.zeros(blocks, np.uint8)
        name = f"{self._lightmap.index}/{number}/classes"
        classes = self._container.read_array(name)
        if classes.shape != blocks or classes.dtype != np.uint8 or int(classes.max()) >= self._entry.n_classes:
            raise InvalidSectionError(
                f"{self._container.path}: section {name}: expected u1 of shape {list(blocks)} under "
                f"{self._entry.n_classes}, found {classes.dtype} {list(classes.shape)}"
            )
        return classes

    def prepare(self) -> None:
        """Decode all tiles, as far as they fit into the limit; several at a time."""
        tile = self._entry.tile
        n_rows, n_columns = -(-self._lightmap.height // tile), -(-self._lightmap.width // tile)
        if n_rows * n_columns == 1:
            self._tile(0, 0)
            return
        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(lambda at: self._tile(*at), np.ndindex(n_rows, n_columns)))

    def latents(self) -> np.ndarray:
        """(K, H, W) float32, all tiles put together."""
        tile, (height, width) = self._entry.tile, self._valid.shape
        maps = np.empty((self._entry.n_components, height, width), np.float32)
        for row in range(-(-height // tile)):
            for column in range(-(-width // tile)):
                rows, columns = slice(row * tile, (row + 1) * tile), slice(column * tile, (column + 1) * tile)
                maps[:, rows, columns] = self._tile(row, column)
        return maps

    def _tile(self, row: int, column: int) -> np.ndarray:
        """(K, h, w) float32 maps of one tile."""
        return self._tiles.get((row, column), lambda: self._decode_tile(row, column))

    def _decode_tile(self, row: int, column: int) -> np.ndarray:
        entry, container, tile = self._entry, self._container, self._entry.tile
        valid = np.ascontiguousarray(self._valid[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile])
        shape = (entry.n_components, *valid.shape)
        if 4 * math.prod(shape) > container.limits.latent_bytes:
            raise LimitExceededError(
                f"{container.path}: latent maps of {4 * math.prod(shape)} bytes are over the limit of "
                f"{container.limits.latent_bytes}"
            )
        n_columns = -(-self._lightmap.width // tile)
        number = row * n_columns + column
        name = f"{self._lightmap.index}/{number}/coefficients"
        data = container.read_bytes(name)
        if not valid.any():
            return np.zeros(shape, np.float32)
        regions = Regions(self._read_classes(number, valid.shape), self._turns)
        try:
            maps = decode_tile(data, valid, entry, regions, self._threads)
        except EntropyError as error:
            raise InvalidSectionError(f"{container.path}: section {name}: {error}") from error
        if entry.smoothing is not None:
            Smoother(entry.smoothing, valid, entry.q_step).apply(maps, threads_for(maps.size, self._threads))
        snap_to_grid(maps, entry.exponents[:-1], entry.precision)
        return maps

    def decode(self, time_h: float, region: tuple[int, int, int, int], as_codes: bool) -> np.ndarray:
        """Decode a region.

        Args:
            time_h: Hours in [0, 24).
            region: (y0, y1, x0, x1) inside of the lightmap.
            as_codes: uint8 codes instead of float32 values.

        Returns:
            (h, w, 3) array of its own.
        """
        y0, y1, x0, x1 = region
        tile = self._entry.tile
        first_row, last_row, first_column, last_column = y0 // tile, (y1 - 1) // tile, x0 // tile, (x1 - 1) // tile
        if (first_row, first_column) == (last_row, last_column):
            return self._decode_in_tile(time_h, first_row, first_column, region, as_codes)
        out = np.empty((y1 - y0, x1 - x0, 3), np.uint8 if as_codes else np.float32)
        for row in range(first_row, last_row + 1):
            for column in range(first_column, last_column + 1):
                top, left = row * tile, column * tile
                part = max(y0, top), min(y1, top + tile), max(x0, left), min(x1, left + tile)
                target = out[part[0] - y0 : part[1] - y0, part[2] - x0 : part[3] - x0]
                target[...] = self._decode_in_tile(time_h, row, column, part, as_codes)
        return out

    def _decode_in_tile(
        self, time_h: float, row: int, column: int, region: tuple[int, int, int, int], as_codes: bool
    ) -> np.ndarray:
        y0, y1, x0, x1 = region
        top, left = row * self._entry.tile, column * self._entry.tile
        maps = np.ascontiguousarray(self._tile(row, column)[:, y0 - top : y1 - top, x0 - left : x1 - left])
        name, shape = ("codes", (y1 - y0, x1 - x0, 3)) if as_codes else ("rgb", (3, y1 - y0, x1 - x0))
        values: np.ndarray = run_session(self._session, name, self._feeds(maps, time_h), self._where)
        if values.shape != shape or values.dtype != (np.uint8 if as_codes else np.float32):
            raise InvalidGraphError(
                f"{self._where}: expected {name} of shape {shape}, found {values.shape} {values.dtype}"
            )
        return values if as_codes else np.ascontiguousarray(values.transpose(1, 2, 0))

    def _feeds(self, maps: np.ndarray, time_h: float) -> dict[str, np.ndarray]:
        return {"z": maps, "time_h": np.array([time_h], np.float32), **self.frame_inputs()}

    def frame_inputs(self) -> dict[str, np.ndarray]:
        """The graph's tables: `first`, `steps` and `grid`."""
        return {"first": self._first, "steps": self._steps, "grid": self._grid}

    def _affine_at(self, time_h: float) -> tuple[np.ndarray, np.ndarray]:
        """(3, K) and (3,) float32 at a time, as the graph computes them; the last ones asked for are kept."""
        with self._lock:
            if time_h in self._affine:
                return self._affine[time_h]
        n = self._entry.n_components
        maps = np.zeros((n, 1, 1), np.float32)
        values: np.ndarray = run_session(self._session, "affine", self._feeds(maps, time_h), self._where)
        if values.shape != (1, 3 * n + 3):
            raise InvalidGraphError(f"{self._where}: expected affine of shape (1, {3 * n + 3}), found {values.shape}")
        affine = np.ascontiguousarray(values[0, : 3 * n].reshape(3, n)), values[0, 3 * n :].copy()
        with self._lock:
            self._affine[time_h] = affine
            while len(self._affine) > MAX_CACHED_TIMES:
                self._affine.popitem(last=False)
        return affine

    def texel(self, y: int, x: int, time_h: float) -> np.ndarray:
        """(3,) float32 of one texel, equal to the same texel of the whole frame."""
        if self._entry.curve == "exp":  # no two libraries' exp agree to the last bit, so the graph's own is taken
            texel: np.ndarray = self.decode(time_h, (y, y + 1, x, x + 1), False)[0, 0]
            return texel
        tile = self._entry.tile
        matrix, offset = self._affine_at(time_h)
        values: np.ndarray = matrix @ self._tile(y // tile, x // tile)[:, y % tile, x % tile] + offset
        if self._entry.curve == "square":
            values = np.maximum(values, 0)
            values *= values
        return values
