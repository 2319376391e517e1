"""The native core: the same steps as reconstruct.py, in C (native/), for all maps of a tile at once.

Its results are the same bits. Maps are held as integers of the valid texels only, and frames are sums of integers. It
is there where a compiler built it; nothing needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..bits import EntropyError
from .entropy.stream import split_stream
from .entropy.tables import parse_tables
from .entropy.zstd import ZstdSource
from .entry import CURVES, DayBasisEntry

try:
    from .. import _native
except ImportError:  # no compiler, or another platform's build
    IS_THERE = False
else:
    IS_THERE = True

RGB8, RGBA8, RGB32F, RGB16F, RGBA16F, RGB9E5 = range(6)
"""Formats of pixels, as in native/src/pixels.h."""


class BeyondExact(ArithmeticError):  # noqa: N818
    """Numbers that go beyond those whose sums are exact, which the native core does not take; NumPy does."""


@dataclass(frozen=True)
class Signal:
    """What becomes of the sums A(t) z + b(t).

    Attributes:
        curve: Of `entry.CURVES`.
        knee: Of the curve "exp".
        highest: Values are clipped to 0..highest.
    """

    curve: str
    knee: float
    highest: float


def kernels() -> str | None:
    """What the native core's inner loops are compiled for, None where it is not there."""
    return _native.kernels if IS_THERE else None


def rotations_of_codes(codes: np.ndarray, n_components: int) -> bytes:
    """`rotations.rotations_of_codes` as `decode_tile` takes it.

    Raises:
        BeyondExact: they are no rotations.
    """
    try:
        return _native.rotations_of_codes(np.ascontiguousarray(codes, np.int64), len(codes), n_components)
    except OverflowError as error:
        raise BeyondExact(str(error)) from error


def open_basis(codes: np.ndarray, hours: np.ndarray, entry: DayBasisEntry) -> _native.Basis:
    """The temporal matrix.

    Args:
        codes: (K + 1, 3, T) signed integers.
        hours: (T,) stored times.
        entry: The lightmap's fields.

    Raises:
        BeyondExact: an entry is too large.
    """
    try:
        return _native.Basis(
            codes=np.ascontiguousarray(codes, np.int64),
            hours=np.ascontiguousarray(hours, np.float64),
            gap_modes=entry.gap_modes,
            exponents=entry.exponents.astype(np.int32),
            precision=entry.precision,
        )
    except OverflowError as error:
        raise BeyondExact(str(error)) from error


def decode_tile(
    stream: bytes,
    valid: np.ndarray,
    entry: DayBasisEntry,
    blocks: np.ndarray,
    rotations: bytes | None,
    signal: Signal,
    n_threads: int = 1,
) -> _native.Tile:
    """Decode the maps of one tile.

    Args:
        stream: Coefficient stream.
        valid: (h, w) bool, contiguous, with at least one valid texel.
        entry: The lightmap's fields.
        blocks: Region of each block.
        rotations: Of the regions, from `rotations_of_codes`; None for none.
        signal: What becomes of the sums.
        n_threads: Worker threads.

    Raises:
        EntropyError: the stream is truncated or inconsistent.
        BeyondExact: a map goes beyond its grid.
    """
    is_wide, is_plain, model, coded, raw = split_stream(stream)
    symbols, lengths = (coded, b"") if not is_plain else plain_streams(model, coded, valid, entry)
    smoothing = entry.smoothing
    try:
        tile = _native.Tile(
            valid=valid,
            shape=valid.shape,
            n_levels=entry.n_levels,
            q_step=entry.q_step,
            centroids=entry.centroids,
            precision=entry.precision,
            exponents=entry.exponents[:-1].astype(np.int32),
            smoothing=(True, smoothing.bound * entry.q_step, *smoothing.weights) if smoothing else (False, 0, 0, 0),
            rotations=rotations,
            n_regions=entry.n_classes,
            blocks=blocks,
            is_wide=is_wide,
            is_plain=is_plain,
            model=model,
            symbols=symbols,
            lengths=lengths,
            raw=raw,
            curve=CURVES.index(signal.curve),
            knee=signal.knee,
            highest=signal.highest,
        )
        if not _restore(tile, n_threads):
            tile.widen()
            _restore(tile, n_threads)
        tile.finish()
    except OverflowError as error:
        raise BeyondExact(str(error)) from error
    except ValueError as error:
        raise EntropyError(str(error)) from error
    return tile


def plain_streams(model: bytes, coded: bytes, valid: np.ndarray, entry: DayBasisEntry) -> tuple[bytes, np.ndarray]:
    """The streams under zstd one after the other, and their lengths."""
    tables = parse_tables(model, entry.n_components, 3 * entry.n_levels)
    streams = ZstdSource(tables, coded, entry.n_components * int(valid.sum())).streams
    return np.concatenate(streams).tobytes(), np.array([stream.size for stream in streams], np.uint32)


def _restore(tile: _native.Tile, n_threads: int) -> bool:
    """Restore all maps, in equal shares; False where they need 32 bits."""
    shares = min(n_threads, tile.n_groups)
    if shares == 1:
        return tile.restore(0, tile.n_groups)
    ends = [tile.n_groups * i // shares for i in range(shares + 1)]
    with ThreadPoolExecutor(shares - 1) as pool:
        others = [pool.submit(tile.restore, ends[i], ends[i + 1]) for i in range(1, shares)]
        return all([tile.restore(0, ends[1]), *(other.result() for other in others)])


def latents(tile: _native.Tile, shape: Sequence[int]) -> np.ndarray:
    """(K, h, w) float32 maps of a tile, 0 at invalid texels."""
    out = np.empty(shape, np.float32)
    tile.latents(out)
    return out


def texel(tile: _native.Tile, affine: bytes, y: int, x: int) -> np.ndarray:
    """(3,) float32 values of a texel of a tile, clipped."""
    return np.frombuffer(bytearray(tile.texel(affine, y, x)), np.float32)
