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

from ..bits import EntropyError, unzigzag
from ..errors import ArchiveError
from ..graphs.dims import COLUMNS, ROWS
from ..graphs.shapes import GraphInputs
from ..grid import Place, TileGrid
from ..lightmap_file import LightmapFile
from .entropy.stream import iter_bands
from .entry import DayBasisEntry, tiles_of
from .gutter import dilate
from .temporal.basis_codes import dequantize_basis
from .temporal.ramps import ramp_table
from .tile_cache import TileCache
from .transform.pyramid import build_pyramid
from .transform.reconstruct import Grids, reconstruct_maps, threads_for
from .transform.rotations import BLOCK, Regions, rotations_of_codes

MAX_CACHED_TIMES = 64
MAX_ENTRY = 2.0**40  # far beyond any light; products with maps stay in float32's range
ZIGZAG_DTYPES = ("<u2", "<i4")


class DayBasisDecoder:
    """Decodes one lightmap; tiles are read when they are needed and kept while there is room."""

    def __init__(self, file: LightmapFile, entry: DayBasisEntry) -> None:
        self._file, self._entry, self._valid = file, entry, file.mask.valid
        self._tiles = tiles_of(file.entry, entry)
        self._cache = TileCache(file.runtime.memory.cache_bytes)
        self._lock = threading.Lock()
        self._affine: OrderedDict[float, tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._first, self._steps = self._read_basis()
        self._rotations = self._read_rotations()
        units = np.ldexp(1.0, entry.exponents)
        self._grid = np.append(np.tile(units[:-1], 3), [units[-1]] * 3).astype(np.float32)
        shapes = {name: table.shape for name, table in self.frame_inputs().items()}
        inputs = GraphInputs(
            {**shapes, "z": (entry.n_components, ROWS, COLUMNS), "time_h": (1,)},
            min(entry.tile, file.entry.height),
            min(entry.tile, file.entry.width),
        )
        self._frame = file.runtime.load(file.container, entry.frame_graph, inputs)

    def _read_zigzag(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """int64 signed integers of one of the lightmap's sections."""
        codes = self._file.container.read_array(name)
        if codes.shape != shape or codes.dtype.str not in ZIGZAG_DTYPES:
            problem = f"expected u2 or i4 of shape {list(shape)}, found {codes.dtype} {list(codes.shape)}"
            raise self._file.container.invalid(name, problem)
        return unzigzag(codes.astype(np.int64))

    def _read_basis(self) -> tuple[np.ndarray, np.ndarray]:
        """(1, 3K + 3) row of the first time and (3T, 3K + 3) ramps, float32: A in rows of channels, then b."""
        hours, n_columns, name = self._file.archive.hours, self._entry.n_components + 1, self._file.section("basis")
        codes = self._read_zigzag(name, (n_columns, 3, len(hours)))
        matrix, offset = dequantize_basis(codes.transpose(2, 1, 0), self._entry.exponents)
        values = np.concatenate([matrix.reshape(len(hours), -1), offset.reshape(len(hours), 3)], axis=1)
        if np.abs(values).max() > MAX_ENTRY:
            raise self._file.container.invalid(name, f"an entry is over {MAX_ENTRY:g}")
        table = ramp_table(values, hours, self._entry.gap_modes)
        return values[:1].astype(np.float32), table.astype(np.float32)

    def _read_rotations(self) -> np.ndarray:
        """(n_classes, K, K) float64 regional rotations."""
        n, n_classes = self._entry.n_components, self._entry.n_classes
        if n_classes == 1:
            return np.eye(n)[None]
        codes = self._read_zigzag(self._file.section("turns"), (n_classes, n * (n - 1) // 2))
        return rotations_of_codes(codes, n)

    def _read_blocks(self, place: Place) -> np.ndarray:
        """Region of each block of a tile, (rows, columns) uint8."""
        shape = TileGrid(*place.shape, BLOCK).shape
        if self._entry.n_classes == 1:
            return np.zeros(shape, np.uint8)
        name = self._file.section(f"{place.number}/classes")
        blocks = self._file.container.read_array(name)
        if blocks.shape != shape or blocks.dtype != np.uint8 or int(blocks.max()) >= self._entry.n_classes:
            raise self._file.container.invalid(
                name,
                f"expected u1 of shape {list(shape)} under {self._entry.n_classes}, "
                f"found {blocks.dtype} {list(blocks.shape)}",
            )
        return blocks

    def prepare(self) -> None:
        """Decode all tiles, as far as they fit into the limit; several at a time."""
        if len(self._tiles) == 1:
            self._maps(self._tiles[0])
            return
        with ThreadPoolExecutor(self._file.runtime.workers) as pool:
            list(pool.map(self._maps, self._tiles))

    def latents(self) -> np.ndarray:
        """(K, H, W) float32, all tiles put together."""
        maps = np.empty((self._entry.n_components, *self._valid.shape), np.float32)
        for place in self._tiles:
            place.cut(maps)[...] = self._maps(place)
        return maps

    def _maps(self, place: Place) -> np.ndarray:
        """(K, h, w) float32 maps of one tile."""
        return self._cache.get(place.number, lambda: self._decode_tile(place))

    def _decode_tile(self, place: Place) -> np.ndarray:
        """Bytes -> maps on their grids."""
        entry, container, name = self._entry, self._file.container, self._file.section(f"{place.number}/coefficients")
        valid = np.ascontiguousarray(place.cut(self._valid))
        shape = (entry.n_components, *valid.shape)
        try:
            self._file.check_latents(4 * math.prod(shape))
            stream = container.read_bytes(name)
            if not valid.any():
                return np.zeros(shape, np.float32)
            pyramid = build_pyramid(valid, entry.n_levels)
            maps = reconstruct_maps(
                iter_bands(stream, entry.n_components, pyramid.sites),
                pyramid,
                Regions(self._read_blocks(place), self._rotations),
                q_step=entry.q_step,
                centroids=entry.centroids,
                smoothing=entry.smoothing,
                grids=Grids(entry.exponents[:-1], entry.precision),
                n_threads=threads_for(math.prod(shape), self._file.runtime.workers),
            )
            if self._file.gutter == "dilate":
                dilate(maps, valid)
            return maps
        except EntropyError as error:
            invalid = container.invalid(name, error)
            invalid.tile = place.number
            raise invalid from error
        except ArchiveError as error:
            error.tile = place.number
            raise

    def decode(self, time_h: float, region: tuple[int, int, int, int], as_rgb8: bool) -> np.ndarray:
        """Decode a region.

        Args:
            time_h: Hours in [0, 24).
            region: (y0, y1, x0, x1) inside of the lightmap.
            as_rgb8: uint8 sRGB instead of float32 values.

        Returns:
            (h, w, 3) array of its own.
        """
        y0, y1, x0, x1 = region
        touched = list(self._tiles.within(*region))
        if len(touched) == 1:
            return self._decode_in_tile(time_h, touched[0], region, as_rgb8)
        out = np.empty((y1 - y0, x1 - x0, 3), np.uint8 if as_rgb8 else np.float32)
        for place in touched:
            top, bottom = max(y0, place.rows.start), min(y1, place.rows.stop)
            left, right = max(x0, place.columns.start), min(x1, place.columns.stop)
            piece = self._decode_in_tile(time_h, place, (top, bottom, left, right), as_rgb8)
            out[top - y0 : bottom - y0, left - x0 : right - x0] = piece
        return out

    def _decode_in_tile(
        self, time_h: float, place: Place, region: tuple[int, int, int, int], as_rgb8: bool
    ) -> np.ndarray:
        y0, y1, x0, x1 = region
        top, left = place.rows.start, place.columns.start
        feeds = self._feeds(self._maps(place)[:, y0 - top : y1 - top, x0 - left : x1 - left], time_h)
        if as_rgb8:
            return self._frame.run("codes", feeds, (y1 - y0, x1 - x0, 3), np.uint8)
        return np.ascontiguousarray(self._frame.run("rgb", feeds, (3, y1 - y0, x1 - x0)).transpose(1, 2, 0))

    def _feeds(self, maps: np.ndarray, time_h: float) -> dict[str, np.ndarray]:
        return {"z": np.ascontiguousarray(maps), "time_h": np.array([time_h], np.float32), **self.frame_inputs()}

    def frame_inputs(self) -> dict[str, np.ndarray]:
        """The graph's tables: `first`, `steps` and `grid`."""
        return {"first": self._first, "steps": self._steps, "grid": self._grid}

    def affine_at(self, time_h: float) -> tuple[np.ndarray, np.ndarray]:
        """(3, K) and (3,) float32 at a time, as the graph computes them; the last ones asked for are kept."""
        with self._lock:
            if time_h in self._affine:
                return self._affine[time_h]
        n = self._entry.n_components
        values = self._frame.run("affine", self._feeds(np.zeros((n, 1, 1), np.float32), time_h), (1, 3 * n + 3))
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
        (place,) = self._tiles.within(y, y + 1, x, x + 1)
        matrix, offset = self.affine_at(time_h)
        values: np.ndarray = matrix @ self._maps(place)[:, y - place.rows.start, x - place.columns.start] + offset
        if self._entry.curve == "square":
            values = np.maximum(values, 0)
            values *= values
        return values
