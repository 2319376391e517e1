"""The native core: the same steps as reconstruct.py, in C (native/), for all maps of a tile at once.

Its results are the same bits. Maps are held as integers of the valid texels only, and frames are sums of integers. It
is there where a compiler built it; nothing needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .. import c_module
from ..bits import EntropyError, OverBudget
from ..forks import importing
from ..pool import ALONE, Pool
from .entry import CURVES, DayBasisEntry

if TYPE_CHECKING:
    from .. import _native

IS_THERE = c_module.IS_BUILT
LIBRARY: Path | None = Path(c_module.native.__file__) if IS_THERE else None
"""The file that was built."""


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


RADIANCE = Signal("none", 0.0, float("inf"))
"""Of tiles whose maps alone are asked for."""


def kernels() -> str | None:
    """What the native core's inner loops are compiled for, None where it is not there."""
    return c_module.native.kernels if IS_THERE else None


def rotations_of_codes(codes: np.ndarray, n_components: int) -> bytes:
    """`rotations.rotations_of_codes` as `decode_tile` takes it.

    Raises:
        BeyondExact: they are no rotations.
    """
    try:
        return c_module.native.rotations_of_codes(np.ascontiguousarray(codes, np.int64), len(codes), n_components)
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
        return c_module.native.Basis(
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
    *,
    dilates: bool = False,
    pool: Pool = ALONE,
    most_bytes: int = 0,
) -> _native.Tile:
    """Decode the maps of one tile.

    Args:
        stream: Coefficient stream; not looked at where no texel is valid.
        valid: (h, w) bool, contiguous.
        entry: The lightmap's fields.
        blocks: Region of each block.
        rotations: Of the regions, from `rotations_of_codes`; None for none.
        signal: What becomes of the sums.
        dilates: Texels outside the mask take the maps of their nearest valid texel. FORMAT.md "Gutters".
        pool: Its threads share the work.
        most_bytes: That it may take at once; 0: as many as there are.

    Raises:
        EntropyError: the stream is truncated or inconsistent.
        BeyondExact: a map goes beyond its grid.
        OverBudget: it would take more than most_bytes.
    """
    with importing.raw:
        from .entropy.header import split_stream  # zstandard, which plain bits do without

    coded = Coded()
    if valid.any():
        is_wide, is_plain, model, symbols, raw = split_stream(stream, entry.n_components, 3 * entry.n_levels)
        parts: tuple[bytes, bytes | np.ndarray] = symbols, b""
        if is_plain:
            parts = plain_streams(model, symbols, valid, entry, most_bytes // 2)
            most_bytes = max(1, most_bytes - len(parts[0])) if most_bytes else 0
        coded = Coded(raw, is_wide, is_plain, model, *parts)
    return _decode(coded, valid, entry, blocks, rotations, signal, dilates, pool, most_bytes)


def decode_plain_bits(
    content: bytes, bits_at: int, valid: np.ndarray, entry: DayBasisEntry, blocks: np.ndarray, rotations: bytes | None
) -> tuple[_native.Tile, int]:
    """`decode_tile` of coefficients without an entropy coder, as the contest's files have them.

    Args:
        content: The bits of all tiles.
        bits_at: The first one of this tile's coefficients.
        valid: As of `decode_tile`, and what follows too.
        entry: ...
        blocks: ...
        rotations: ...

    Returns:
        The tile, and the first bit behind it.

    Raises:
        EntropyError: the bits end early, or a code is too large.
        BeyondExact: a map goes beyond its grid.
    """
    tile = _decode(Coded(content, bits_at=bits_at), valid, entry, blocks, rotations, RADIANCE, False, ALONE)
    return tile, tile.bits_at


def read_plain_mask(content: bytes, bits_at: int, shape: tuple[int, int]) -> tuple[np.ndarray, int]:
    """(H, W) bool mask of a file of plain bits, and the first bit behind it.

    Raises:
        EntropyError: the bits end early.
    """
    valid = np.empty(shape, bool)
    try:
        return valid, c_module.native.read_plain_mask(content, bits_at, shape, valid.view(np.uint8))
    except ValueError as error:
        raise EntropyError(str(error)) from error


class Coded(NamedTuple):
    """The parts of a coefficient stream; or plain bits, where `bits_at` says where they begin in `raw`."""

    raw: bytes = b""
    is_wide: bool = False
    is_plain: bool = False
    model: bytes = b""
    symbols: bytes = b""
    lengths: bytes | np.ndarray = b""
    bits_at: int = -1


def _decode(
    coded: Coded,
    valid: np.ndarray,
    entry: DayBasisEntry,
    blocks: np.ndarray,
    rotations: bytes | None,
    signal: Signal,
    dilates: bool,
    pool: Pool,
    most_bytes: int = 0,
) -> _native.Tile:
    smoothing = entry.smoothing
    try:
        tile = c_module.native.Tile(
            valid=valid,
            shape=valid.shape,
            n_levels=entry.n_levels,
            q_step=entry.q_step,
            centroids=entry.centroids,
            precision=entry.precision,
            exponents=entry.map_exponents.astype(np.int32),
            smoothing=(True, smoothing.bound * entry.q_step, *smoothing.weights) if smoothing else (False, 0, 0, 0),
            dilates=dilates,
            rotations=rotations,
            n_regions=entry.n_classes,
            blocks=blocks,
            **coded._asdict(),
            curve=CURVES.index(signal.curve),
            knee=signal.knee,
            highest=signal.highest,
            most_bytes=most_bytes,
        )
        if not _restore(tile, pool):
            tile.widen()
            _restore(tile, pool)
        tile.finish()
    except OverflowError as error:
        raise BeyondExact(str(error)) from error
    except ValueError as error:
        raise EntropyError(str(error)) from error
    except BufferError as error:
        raise OverBudget(str(error)) from error
    return tile


def plain_streams(
    model: bytes, coded: bytes, valid: np.ndarray, entry: DayBasisEntry, most_bytes: int = 0
) -> tuple[bytes, np.ndarray]:
    """The streams under zstd one after the other, and their lengths; twice of them are there at once.

    Raises:
        EntropyError: they are damaged.
        OverBudget: they are longer than most_bytes.
    """
    with importing.raw:
        from .entropy.tables import parse_tables  # what NumPy decodes with, which other streams do without
        from .entropy.zstd import ZstdSource

    tables = parse_tables(model, entry.n_components, 3 * entry.n_levels)
    streams = ZstdSource(tables, coded, entry.n_components * int(valid.sum()), most_bytes).streams
    return b"".join(stream.data for stream in streams), np.array([stream.size for stream in streams], np.uint32)


def _restore(tile: _native.Tile, pool: Pool) -> bool:
    """Restore all maps, in equal shares; False where they need 32 bits."""
    n, shares = tile.n_groups, max(1, min(pool.workers, tile.n_groups))
    ends = [n * i // shares for i in range(shares + 1)]
    return all(pool.map(lambda i: tile.restore(ends[i], ends[i + 1]), range(shares)))


def latents(tile: _native.Tile) -> np.ndarray:
    """(K, h, w) float32 maps of a tile."""
    out = np.empty(tile.shape, np.float32)
    tile.latents(out)
    return out


def affine_at(basis: _native.Basis, time_h: float) -> bytes:
    """A(t) and b(t) in steps, as `draw` and `texel` take them.

    Raises:
        BeyondExact: an entry is too large.
    """
    try:
        return basis.at(time_h)
    except OverflowError as error:
        raise BeyondExact(str(error)) from error


def draw(tile: _native.Tile, affine: bytes, part: tuple[slice, slice], pixel_format: int, out: np.ndarray) -> None:
    """Decode a region of a tile.

    Args:
        tile: From `decode_tile`.
        affine: From `affine_at`.
        part: Rows and columns of the tile.
        pixel_format: `PixelFormat.number`.
        out: (h, w, ...) pixels of that format; rows may be apart, a row's pixels lie side by side.

    Raises:
        BeyondExact: sums may go beyond 31 bits.
    """
    whole = out if out.base is None else out.base
    offset = out.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    try:
        region = part[0].start, part[0].stop, part[1].start, part[1].stop
        tile.frame(affine, region, pixel_format, whole, offset, out.strides[0])
    except OverflowError as error:
        raise BeyondExact(str(error)) from error


def texel(tile: _native.Tile, affine: bytes, y: int, x: int, as_rgb8: bool) -> np.ndarray:
    """(3,) uint8 or float32 values of a texel of a tile, clipped."""
    try:
        values = tile.texel(affine, y, x, as_rgb8)
    except OverflowError as error:
        raise BeyondExact(str(error)) from error
    return np.frombuffer(values, np.uint8 if as_rgb8 else np.float32)
