"""The decoder of the family `daybasis` in NumPy: tiles of latent maps, one small matrix per time.

Maps and matrices are kept on grids of powers of two, so coarse that every sum of products is exact in float32. The
result then depends neither on the order of summation nor on the library, the number of threads or the machine. Where a
file breaks that (sums.py), or holds another graph than this family's (frame_graph.py), the answer is one all the same.
native_decoder.py gives the same answers in C.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from ..forks import Lock, multiplying
from ..frame import block_texels, to_codes
from ..grid import Place
from ..pixels import PixelFormat
from ..tiled import Part, TiledDecoder
from .entry import tile_bytes, tiles_of
from .frame_graph import AffineFrame
from .maps import decode_maps, read_rotations
from .stored import Stored
from .sums import apply_curve, are_exact, exact_sums, in_order


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
    """Decodes one lightmap; tiles are read when they are needed and kept while there is room.

    Args:
        stored: The lightmap's sections.
        by_graph: Frames by onnxruntime; else by NumPy, where the graph is the standard one.
        instead: In the place of the native decoder, whose memory was counted.

    Raises:
        LimitExceededError: it takes more memory or time than the native one, and so much is not left.
    """

    def __init__(self, stored: Stored, by_graph: bool, *, instead: bool = False) -> None:
        file, entry = stored.file, stored.entry
        super().__init__(file, tiles_of(file.entry, entry))
        self._stored, self._entry, self._lock = stored, entry, Lock()
        self._affine: OrderedDict[float, tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._matrix, self._rotations = stored.matrix, read_rotations(stored)
        _ = self._matrix.tables, self._matrix.reach  # now: one lightmap at a time is opened, which takes memory
        self._graph, self._known = stored.graph, stored.frame
        self._by_numpy = not by_graph and stored.is_standard
        if self._known is None:
            self._any = stored.frame_decoder(block_texels(entry.n_components))
        self._is_instead = instead
        if instead:  # last: it is taken once for a decoder that is there, and not at each try
            native, numpy = (tile_bytes(file.entry, entry, is_native) for is_native in (True, False))
            with file.time.unless_failed():
                stored.count_numpy()
                file.runtime.memory.take(max(0, numpy - native), f"{file.container.path}: decoding by NumPy")

    @property
    def _at_once(self) -> int:
        """One, in the place of the native decoder: that is what was counted."""
        return 1 if self._is_instead else super()._at_once

    @property
    def frame(self) -> AffineFrame | None:
        """What the graph computes; None where that is not the standard affine map and a curve."""
        return self._known if self._stored.is_standard else None

    def has_exact_sums(self) -> bool:
        """Whether sums of products are exact in float32 in any order, in every tile; all are decoded for it."""
        return all(self._use(place, lambda held: held.is_exact, keep=False) for place in self._tiles)

    def _make(self, place: Place) -> TileMaps:
        """Bytes -> maps on their grids."""
        maps, entry = decode_maps(self._stored, place, self._rotations), self._entry
        is_exact = self._stored.is_standard and are_exact(maps, self._matrix.reach, entry.exponents, entry.precision)
        return TileMaps(maps, is_exact)

    def _maps(self, held: TileMaps) -> np.ndarray:
        return held.maps

    def _frame(self, held: TileMaps, part: Part, time_h: float, as_rgb8: bool) -> np.ndarray:
        maps, step = held.maps[:, part[0], part[1]], self._stored.strip_rows
        tops = range(0, maps.shape[1], step)
        strips = [self._strip(maps[:, top : top + step], held.is_exact, time_h, as_rgb8) for top in tops]
        return strips[0] if len(strips) == 1 else np.concatenate(strips)

    def _strip(self, maps: np.ndarray, is_exact: bool, time_h: float, as_rgb8: bool) -> np.ndarray:
        """(h, w, 3) of some rows of a tile."""
        if self._known is None:
            return self._any.decode(maps, time_h, as_rgb8)
        self.affine_at(time_h)  # it is looked at
        if not is_exact or self._by_numpy:
            sums = self._sums(maps, time_h) if is_exact else in_order(*self._beyond_exact(time_h), maps)
            values = apply_curve(sums, self._known.curve, self._known.knee)
        elif as_rgb8 and self._known.has_codes:
            return self._graph.run("codes", self._feeds(maps, time_h), (*maps.shape[1:], 3), np.uint8)
        else:
            values = self._graph.run("rgb", self._feeds(maps, time_h), (3, *maps.shape[1:]))
        values = np.ascontiguousarray(values.transpose(1, 2, 0))
        return to_codes(values) if as_rgb8 else values

    def _beyond_exact(self, time_h: float) -> tuple[np.ndarray, np.ndarray]:
        """`affine_at` for tiles whose sums are not exact: the sums within a standard graph are not either."""
        return self._split(self._matrix.at(time_h)) if self._stored.is_standard else self.affine_at(time_h)

    def _split(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(3, K) and (3,) of A(t) and b(t) in a row."""
        return np.ascontiguousarray(values[:-3].reshape(3, -1)), values[-3:].copy()

    def _sums(self, maps: np.ndarray, time_h: float) -> np.ndarray:
        """(3, h, w) float32 A z + b, exact in any order."""
        matrix, offset = self.affine_at(time_h)
        return exact_sums(matrix, maps.reshape(len(maps), -1), offset).reshape(3, *maps.shape[1:])

    def _feeds(self, maps: np.ndarray, time_h: float) -> dict[str, np.ndarray]:
        return {"z": np.ascontiguousarray(maps), "time_h": np.array([time_h], np.float32), **self.frame_inputs()}

    def frame_inputs(self) -> dict[str, np.ndarray]:
        """The graph's tables: `first`, `steps` and `grid`."""
        return self._matrix.tables

    def affine_at(self, time_h: float) -> tuple[np.ndarray, np.ndarray]:
        """(3, K) and (3,) float32 at a time, as frames have them; the last ones asked for are kept."""
        with self._lock.raw:
            if time_h in self._affine:
                return self._affine[time_h]
        n = self._entry.n_components
        if self._by_numpy:
            values = self._matrix.at(time_h)
        else:
            values = self._graph.run("affine", self._feeds(np.zeros((n, 1, 1), np.float32), time_h), (1, 3 * n + 3))[0]
            if not np.isfinite(values).all():
                raise self._graph.invalid(f"it gives what is no number, at {time_h:g} h")
        affine = self._split(values)
        with self._lock.raw:
            self._affine[time_h] = affine
            while len(self._affine) > self._stored.most_times:
                self._affine.popitem(last=False)
        return affine

    def texel(self, y: int, x: int, time_h: float, pixels: PixelFormat) -> np.ndarray:
        """One texel of uint8 or float32, equal to the same texel of the whole frame."""
        place, known = self._tiles.at(y, x), self._known
        # no two libraries' exp agree to the last bit, so the frame's own is taken
        if known is None or known.curve == "exp":
            return super().texel(y, x, time_h, pixels)
        (matrix, offset), row, column = self.affine_at(time_h), y - place.rows.start, x - place.columns.start

        def values_of(held: TileMaps) -> np.ndarray | None:
            if not held.is_exact:
                return None
            with multiplying.raw:
                sums: np.ndarray = matrix @ held.maps[:, row, column] + offset
            return sums

        values = self._use(place, values_of)
        if values is None:
            return super().texel(y, x, time_h, pixels)
        values = apply_curve(values, known.curve, known.knee)
        return self._pixel(to_codes(values) if pixels.is_8bit else values, pixels)
