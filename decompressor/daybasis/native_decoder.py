"""The decoder of the family `daybasis` in C: maps as integers of the valid texels, frames by integer sums.

It takes lightmaps whose graph is the standard one. What goes beyond the numbers that it sums exactly, NumPy decodes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..forks import Lock, importing
from ..grid import Place
from ..pixels import FLOAT32, PixelFormat
from ..pool import ALONE
from ..tiled import Part, TiledDecoder
from . import native
from .entry import tiles_of
from .frame_graph import AffineFrame
from .native_tile import make_tile
from .stored import Stored

if TYPE_CHECKING:
    from .. import _native
    from .decoder import DayBasisDecoder

SAMPLES_PER_THREAD, FRAME_SAMPLES_PER_THREAD = 1 << 17, 1 << 21
"""Of maps, while a tile and while a frame is decoded: below that, threads cost more than they save."""

Result = TypeVar("Result")


class NativeDecoder(TiledDecoder["_native.Tile"]):
    """Decodes one lightmap.

    Args:
        stored: Its sections.
        known: What its graph computes.

    Attributes:
        frame: `known`.

    Raises:
        BeyondExact: the matrix or the rotations are none that the core takes.
    """

    def __init__(self, stored: Stored, known: AffineFrame) -> None:
        file, entry = stored.file, stored.entry
        super().__init__(file, tiles_of(file.entry, entry))
        self._stored, self._lock, self.frame = stored, Lock(), known
        highest = 255.0 if file.archive.transfer == "srgb8" else np.inf
        self._signal = native.Signal(known.curve, float(known.knee), highest)
        self._basis = native.open_basis(stored.basis_codes(), file.archive.hours, entry)
        self._rotations: bytes | None = None
        if entry.n_classes > 1:
            self._rotations = native.rotations_of_codes(stored.rotation_codes(), entry.n_components)
        self._affines: OrderedDict[float, bytes] = OrderedDict()
        self._numpy: DayBasisDecoder | None = None

    def _plain(self) -> DayBasisDecoder:
        """NumPy's decoder of the lightmap, loaded and made when it is first needed."""
        with importing.raw:
            from .decoder import DayBasisDecoder
        with self._lock.raw:
            if self._numpy is None:
                opening = self._file.runtime.opening
                self._numpy = opening.do(lambda: DayBasisDecoder(self._stored, by_graph=False, instead=True))
            return self._numpy

    def _or_plain(self, work: Callable[[], Result], otherwise: Callable[[DayBasisDecoder], Result]) -> Result:
        """The result of the native core, or NumPy's, where numbers go beyond it: from then on NumPy alone.

        The two are not tried in turn: there may be memory for the tiles of one.
        """
        if self._numpy is None:
            try:
                return work()
            except native.BeyondExact:
                self._cache.drop(self._own)
        return otherwise(self._plain())

    def prepare(self) -> None:
        """Decode all tiles, several at a time; those that there is room for are kept."""
        self._or_plain(super().prepare, lambda plain: plain.prepare())

    def latents(self) -> np.ndarray:
        """(K, H, W) float32, all tiles put together."""
        return self._or_plain(super().latents, lambda plain: plain.latents())

    def decode(
        self, time_h: float, region: tuple[int, int, int, int], pixels: PixelFormat, keep: bool = True
    ) -> np.ndarray:
        """Decode a region; arguments and result as of `TiledDecoder.decode`."""
        decode = super().decode
        return self._or_plain(
            lambda: decode(time_h, region, pixels, keep), lambda plain: plain.decode(time_h, region, pixels, keep)
        )

    def has_exact_sums(self) -> bool:
        """Whether sums of products are exact in float32 in any order, in every tile; all are decoded for it."""
        with importing.raw:
            from .sums import are_exact
        reach, entry, texel = self._stored.matrix.reach, self._stored.entry, (slice(0, 1), slice(0, 1))

        def is_exact(tile: _native.Tile) -> bool:
            if not are_exact(self._maps(tile), reach, entry.exponents, entry.precision):
                return False
            for time_h in self._file.archive.hours.tolist():  # the core asks for more than sums
                self._draw(tile, texel, time_h, FLOAT32, np.empty((1, 1, 3), np.float32))
            return True

        try:
            return all(self._use(place, is_exact, keep=False) for place in self._tiles)
        except native.BeyondExact:
            return False

    def _make(self, place: Place) -> _native.Tile:
        self._refuse_after_numpy()
        n_samples = self._stored.entry.n_components * place.shape[0] * place.shape[1]
        pool = self._file.runtime.pool if n_samples >= 2 * SAMPLES_PER_THREAD else ALONE
        return make_tile(self._stored, place, self._rotations, self._signal, pool)

    def _make_alone(self, place: Place) -> _native.Tile:
        self._refuse_after_numpy()
        return make_tile(self._stored, place, self._rotations, self._signal, is_alone=True)

    def _refuse_after_numpy(self) -> None:
        """Requests that began before go on by NumPy too."""
        if self._numpy is not None:
            raise native.BeyondExact("another tile did")

    def _maps(self, held: _native.Tile) -> np.ndarray:
        return native.latents(held)

    def _frame(self, held: _native.Tile, part: Part, time_h: float, as_rgb8: bool) -> np.ndarray:
        raise NotImplementedError  # _draw needs none

    def _draw(self, held: _native.Tile, part: Part, time_h: float, pixels: PixelFormat, out: np.ndarray) -> None:
        (rows, columns), pool, affine = part, self._file.runtime.pool, self._affine(time_h)
        n_rows, n_columns = out.shape[:2]
        n_samples = self._stored.entry.n_components * n_rows * n_columns
        n_strips = min(pool.workers, n_rows, n_samples // FRAME_SAMPLES_PER_THREAD)
        if n_strips <= 1:
            native.draw(held, affine, part, pixels.number, out)
            return
        ends = [n_rows * i // n_strips for i in range(n_strips + 1)]

        def draw(strip: tuple[int, int]) -> None:
            top, bottom = strip
            some = slice(rows.start + top, rows.start + bottom), columns
            native.draw(held, affine, some, pixels.number, out[top:bottom])

        pool.map(draw, list(pairwise(ends)))

    def _affine(self, time_h: float) -> bytes:
        """A(t) and b(t) in steps; the last ones asked for are kept."""
        affine = self._affines.get(time_h)
        if affine is None:
            affine = native.affine_at(self._basis, time_h)
            with self._lock.raw:
                self._affines[time_h] = affine
                while len(self._affines) > self._stored.most_times:
                    self._affines.popitem(last=False)
        return affine

    def texel(self, y: int, x: int, time_h: float, pixels: PixelFormat) -> np.ndarray:
        """One texel of uint8 or float32, equal to the same texel of the whole frame."""
        side, number = self._tiles.side, self._tiles.number_at(y, x)
        if self._numpy is None:  # as _or_plain, but for a call or two, which a texel feels
            try:
                affine, at = self._affine(time_h), (y % side, x % side, pixels.is_8bit)
                held = self._cache.find((self._own, number))
                if held is not None:
                    return native.texel(held, affine, *at)
                return self._use(self._tiles[number], lambda tile: native.texel(tile, affine, *at))
            except native.BeyondExact:
                self._cache.drop(self._own)
        return self._plain().texel(y, x, time_h, pixels)

    def frame_inputs(self) -> dict[str, np.ndarray]:
        """The graph's tables: `first`, `steps` and `grid`."""
        return self._stored.matrix.tables

    def affine_at(self, time_h: float) -> tuple[np.ndarray, np.ndarray]:
        """(3, K) and (3,) float32 at a time."""
        affine = self._stored.matrix.at(time_h)
        return np.ascontiguousarray(affine[:-3].reshape(3, -1)), affine[-3:].copy()
