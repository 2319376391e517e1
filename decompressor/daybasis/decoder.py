"""The decoder of the family `daybasis`: tiles of latent maps, one small matrix per time.

Maps and matrices are kept on grids of powers of two, so coarse that every sum of products is exact in float32. The
result then depends neither on the order of summation nor on the library, the number of threads or the machine. Where a
file breaks that (sums.py), or holds another graph than this family's (frame_graph.py), the answer is one all the same.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..bits import EntropyError, unzigzag
from ..errors import ArchiveError
from ..forks import Lock
from ..frame import FrameDecoder, block_texels, to_codes
from ..graphs.dims import COLUMNS, ROWS, Dim
from ..graphs.shapes import FRAME_TEXELS, GraphInputs
from ..grid import Place, TileGrid
from ..lightmap_file import LightmapFile
from ..tiled import Part, TiledDecoder
from .entropy.stream import iter_bands
from .entry import DayBasisEntry, frame_seconds, tiles_of
from .frame_graph import read_affine_frame
from .gutter import dilate
from .sums import Reach, apply_curve, are_exact, in_order, reach_of
from .temporal.basis_codes import dequantize_basis
from .temporal.ramps import ramp_table
from .transform.pyramid import build_pyramid
from .transform.reconstruct import Grids, pool_for, reconstruct_maps
from .transform.rotations import BLOCK, Regions, rotations_of_codes
from .transform.rotations import MAX_ENTRY as MAX_ROTATION

MAX_CACHED_TIMES = 64
MAX_ENTRY = 2.0**40  # far beyond any light; products with maps stay in float32's range
ZIGZAG_DTYPES = ("<u2", "<i4")


@dataclass(frozen=True)
class TileMaps:
    """A decoded tile.

    Attributes:
        maps: (K, h, w) float32.
        is_exact: Whether sums of products are exact in float32 in any order.
    """

    maps: np.ndarray
    is_exact: bool

    @property
    def nbytes(self) -> int:
        """Of the maps."""
        return self.maps.nbytes


class DayBasisDecoder(TiledDecoder[TileMaps]):
    """Decodes one lightmap; tiles are read when they are needed and kept while there is room."""

    def __init__(self, file: LightmapFile, entry: DayBasisEntry) -> None:
        super().__init__(file, tiles_of(file.entry, entry))
        self._entry, self._lock = entry, Lock()
        self._affine: OrderedDict[float, tuple[np.ndarray, np.ndarray]] = OrderedDict()
        file.time.take(frame_seconds(file.entry, entry, len(file.archive.hours)), f"{file.container.path}: decoding")
        self._valid = file.mask.valid
        self._first, self._steps, self._reach = self._read_basis()
        self._rotations = self._read_rotations()
        units = np.ldexp(1.0, entry.exponents)
        self._grid = np.append(np.tile(units[:-1], 3), [units[-1]] * 3).astype(np.float32)
        for table in (self._first, self._steps, self._grid):
            table.flags.writeable = False  # callers get the same arrays
        n, side = entry.n_components, (min(entry.tile, file.entry.height), min(entry.tile, file.entry.width))
        shapes = {name: table.shape for name, table in self.frame_inputs().items()}
        outputs: dict[str, Sequence[int | Dim]] = {
            "rgb": (3, ROWS, COLUMNS),
            "codes": (ROWS, COLUMNS, 3),
            "affine": (1, 3 * n + 3),
        }
        texels = min(FRAME_TEXELS, file.entry.height * file.entry.width)
        inputs = GraphInputs({**shapes, "z": (n, ROWS, COLUMNS), "time_h": (1,)}, *side, outputs, texels)
        self._graph = file.load(entry.frame_graph, inputs)
        self._known = read_affine_frame(self._graph.nodes, n)
        if self._known is not None and self._known.curve != entry.curve:
            raise self._graph.invalid(f"expected the curve {entry.curve} of the metadata, found {self._known.curve}")
        self._any = FrameDecoder(self._graph, block_texels(n), file.runtime.pool, self.frame_inputs())

    def _read_zigzag(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """int64 signed integers of one of the lightmap's sections."""
        codes = self._file.container.read_array(name)
        if codes.shape != shape or codes.dtype.str not in ZIGZAG_DTYPES:
            problem = f"expected u2 or i4 of shape {list(shape)}, found {codes.dtype} {list(codes.shape)}"
            raise self._file.container.invalid(name, problem)
        return unzigzag(codes.astype(np.int64))

    def _read_basis(self) -> tuple[np.ndarray, np.ndarray, Reach]:
        """(1, 3K + 3) row of the first time and (3T, 3K + 3) ramps, float32: A in rows of channels, then b."""
        hours, n_columns, name = self._file.archive.hours, self._entry.n_components + 1, self._file.section("basis")
        codes = self._read_zigzag(name, (n_columns, 3, len(hours)))
        matrix, offset = dequantize_basis(codes.transpose(2, 1, 0), self._entry.exponents)
        values = np.concatenate([matrix.reshape(len(hours), -1), offset.reshape(len(hours), 3)], axis=1)
        if np.abs(values).max() > MAX_ENTRY:
            raise self._file.container.invalid(name, f"an entry is over {MAX_ENTRY:g}")
        table = ramp_table(values, hours, self._entry.gap_modes)
        return values[:1].astype(np.float32), table.astype(np.float32), reach_of(values, table)

    def _read_rotations(self) -> np.ndarray:
        """(n_classes, K, K) float64 regional rotations."""
        n, n_classes = self._entry.n_components, self._entry.n_classes
        if n_classes == 1:
            return np.eye(n)[None]
        codes = self._read_zigzag(self._file.section("turns"), (n_classes, n * (n - 1) // 2))
        rotations = rotations_of_codes(codes, n)
        if not np.abs(rotations).max() <= MAX_ROTATION:
            raise self._file.container.invalid(self._file.section("turns"), "these are no rotations")
        return rotations

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

    def _make(self, place: Place) -> TileMaps:
        """Bytes -> maps on their grids."""
        entry, container, name = self._entry, self._file.container, self._file.section(f"{place.number}/coefficients")
        valid = np.ascontiguousarray(place.cut(self._valid))
        shape = (entry.n_components, *valid.shape)
        try:
            self._file.check_latents(4 * math.prod(shape))
            stream = container.read_bytes(name)
            if not valid.any():
                return TileMaps(np.broadcast_to(np.float32(0), shape), True)
            pyramid = build_pyramid(valid, entry.n_levels)
            maps = reconstruct_maps(
                iter_bands(stream, entry.n_components, pyramid.sites),
                pyramid,
                Regions(self._read_blocks(place), self._rotations),
                q_step=entry.q_step,
                centroids=entry.centroids,
                smoothing=entry.smoothing,
                grids=Grids(entry.exponents[:-1], entry.precision),
                pool=pool_for(math.prod(shape), self._file.runtime.pool),
            )
            if self._file.gutter == "dilate":
                dilate(maps, valid)
            maps.flags.writeable = False  # others get the same array
            return TileMaps(maps, are_exact(maps, self._reach, entry.exponents, entry.precision))
        except EntropyError as error:
            invalid = container.invalid(name, error)
            invalid.tile = place.number
            raise invalid from error
        except ArchiveError as error:
            error.tile = place.number
            raise

    def _maps(self, held: TileMaps) -> np.ndarray:
        return held.maps

    def _frame(self, held: TileMaps, part: Part, time_h: float, as_rgb8: bool) -> np.ndarray:
        maps = held.maps[:, part[0], part[1]]
        if self._known is None:
            return self._any.decode(maps, time_h, as_rgb8)
        if not held.is_exact:
            values = apply_curve(in_order(*self.affine_at(time_h), maps), self._known.curve, self._known.knee)
        elif as_rgb8 and self._known.has_codes:
            return self._graph.run("codes", self._feeds(maps, time_h), (*maps.shape[1:], 3), np.uint8)
        else:
            values = self._graph.run("rgb", self._feeds(maps, time_h), (3, *maps.shape[1:]))
        values = np.ascontiguousarray(values.transpose(1, 2, 0))
        return to_codes(values) if as_rgb8 else values

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
        values = self._graph.run("affine", self._feeds(np.zeros((n, 1, 1), np.float32), time_h), (1, 3 * n + 3))
        affine = np.ascontiguousarray(values[0, : 3 * n].reshape(3, n)), values[0, 3 * n :].copy()
        with self._lock:
            self._affine[time_h] = affine
            while len(self._affine) > MAX_CACHED_TIMES:
                self._affine.popitem(last=False)
        return affine

    def texel(self, y: int, x: int, time_h: float) -> np.ndarray:
        """(3,) float32 of one texel, equal to the same texel of the whole frame."""
        place = self._tiles.at(y, x)
        held, known = self._tile(place), self._known
        # no two libraries' exp agree to the last bit, so the graph's own is taken
        if known is None or not held.is_exact or known.curve == "exp":
            texel: np.ndarray = self.decode(time_h, (y, y + 1, x, x + 1), False)[0, 0]
            return texel
        matrix, offset = self.affine_at(time_h)
        values: np.ndarray = matrix @ held.maps[:, y - place.rows.start, x - place.columns.start] + offset
        return apply_curve(values, known.curve, known.knee)
