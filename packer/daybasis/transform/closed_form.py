"""The temporal transform in closed form: KLT, sparse rotation, regional rotations. NumPy and SciPy only.

The covariance is taken over all tiles. The rotations are fitted to neighborhoods of detail coefficients: those of all
tiles where the day fits into memory, those of sample tiles where it does not. Nothing depends on where the day is read
from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from todpack.decompressor.daybasis.entry import MAX_COMPONENTS
from todpack.decompressor.daybasis.transform.rotations import BLOCK
from todpack.decompressor.grid import TileGrid
from todpack.frames.errors import DataError

from ..config import DayBasisConfig
from ..single_blas import single_blas
from ..tiles import DayTiles, Tile
from .components import CANDIDATES, worthwhile_components
from .forward import forward
from .klt import TemporalBasis, basis_of_covariance
from .neighborhoods import gather_neighborhoods
from .region_fit import cheapest_classes, fit_regions, skew_codes, worthwhile_rotations
from .rotation import SIGNIFICANT, sparse_rotation

TEXELS_PER_CLASS = 4000  # a class costs about 200 bytes of side information
SAMPLE_TILES = 8
NEIGHBORHOODS = 320_000
"""Neighborhoods that rotations are fitted to at most; of fewer texels, about one for every four."""
TEXEL_STRIDE = 4  # of the covariance of days that are not kept in memory


@dataclass(frozen=True)
class TemporalTransform:
    """What is found of a day before anything is quantized.

    Attributes:
        basis: The common basis.
        classes: Per tile, (ceil(h / BLOCK), ceil(w / BLOCK)) uint8 class of each block.
        skew_codes: (n_classes, K (K - 1) / 2) int64 regional rotations, see transform/rotations.py of the decoder.
        samples: Numbers of the tiles that rotations were fitted to; none where that is not known.
    """

    basis: TemporalBasis
    classes: tuple[np.ndarray, ...]
    skew_codes: np.ndarray
    samples: tuple[int, ...] = ()


@dataclass(frozen=True)
class Survey:
    """What a first reading of all tiles gives.

    Attributes:
        mean: (3T,) float64 mean day.
        covariance: (3T, 3T) float64.
        spreads: Per tile, total variance within it times its valid texels; 0 without any.
        n_valid: Valid texels.
    """

    mean: np.ndarray
    covariance: np.ndarray
    spreads: np.ndarray
    n_valid: int


def survey(tiles: DayTiles, on_tile: Callable[[], object] = lambda: None) -> Survey:
    """Read every tile once.

    Raises:
        DataError: no texel is valid.
    """
    n_columns = 3 * len(tiles.day.hours)
    stride = 1 if tiles.is_kept else TEXEL_STRIDE
    count, n_valid, total, products = 0, 0, np.zeros(n_columns), np.zeros((n_columns, n_columns))
    spreads = np.zeros(len(tiles))
    shift: np.ndarray | None = None  # about the mean: float32 products then keep their small differences
    for number, tile in enumerate(tiles):
        if len(tile.days):
            if shift is None:
                shift = tile.days.mean(0, dtype=np.float64).astype(np.float32)
            days = tile.days[::stride] - shift
            sums, squares = days.sum(0, dtype=np.float64), (days.T @ days).astype(np.float64)
            count, total, products = count + len(days), total + sums, products + squares
            spreads[number] = float(np.trace(squares) - (sums @ sums) / len(days))
            n_valid += len(tile.days)
        on_tile()
    if shift is None:
        raise DataError(f"{tiles.day.name}: expected at least one valid texel, found none")
    mean = total / count
    return Survey(mean + shift, products / count - np.outer(mean, mean), spreads, n_valid)


def sample_tiles(spreads: np.ndarray) -> list[int]:
    """Numbers of up to SAMPLE_TILES tiles, evenly spaced in the upper half of the ranking by spread, in their order."""
    ranking = np.argsort(-spreads, kind="stable")
    used = ranking[: max(1, int(np.count_nonzero(spreads)))]
    upper = used[: max(min(SAMPLE_TILES, len(used)), len(used) // 2)]
    chosen = np.unique(np.linspace(0, len(upper) - 1, SAMPLE_TILES).round().astype(int))
    return sorted(int(n) for n in upper[chosen])


def block_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of blocks in a tile of (h, w) texels."""
    return TileGrid(*shape, BLOCK).shape


def _gather(tile: Tile, basis: TemporalBasis, q_step: float, stride: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Neighborhoods (4, M, K) of a tile and the number of the block of each; of a tile without valid texels none."""
    if tile.pyramid is None:
        return np.zeros((4, 0, basis.matrix.shape[1]), np.float32), np.zeros(0, np.int64)
    values, places = gather_neighborhoods(forward(tile.maps(basis), tile.pyramid), tile.pyramid, q_step)
    rows, columns = block_shape(tile.shape)
    blocks = np.minimum(places[::stride, 0] // BLOCK, rows - 1) * columns
    blocks += np.minimum(places[::stride, 1] // BLOCK, columns - 1)
    return np.ascontiguousarray(values[:, ::stride]), blocks


@single_blas
def find_transform(
    tiles: DayTiles, config: DayBasisConfig, q_step: float | None = None, on_tile: Callable[[], object] = lambda: None
) -> TemporalTransform:
    """Find the temporal transform of a day.

    Args:
        tiles: Of one lightmap, at least one with a valid texel.
        config: Rotations wanted, and the step.
        q_step: Width of a bin; None takes the configuration's.
        on_tile: Called for each tile of each of the two readings, for progress.

    Raises:
        DataError: no texel is valid.
    """
    step = config.q_step if q_step is None else q_step
    seen = survey(tiles, on_tile)
    basis = basis_of_covariance(seen.covariance, seen.mean, np.ones(len(tiles.day.hours)), step, CANDIDATES)
    numbers = list(range(len(tiles))) if tiles.is_kept else sample_tiles(seen.spreads)
    share = sum(len(tiles[n].days) for n in numbers) / seen.n_valid
    most = config.max_components or MAX_COMPONENTS
    basis = worthwhile_components([tiles[n] for n in numbers], basis, step, share, most)
    n_components = basis.matrix.shape[1]
    if n_components > 1:
        stride = -(-sum(len(tiles[n].days) // 4 for n in numbers) // NEIGHBORHOODS) or 1
        samples = [_gather(tiles[n], basis, step, stride) for n in numbers]
        groups = np.concatenate([values for values, _ in samples], axis=1)
        if config.rotate:
            rotation = sparse_rotation(groups)
            basis, groups = basis.rotate(rotation), groups @ rotation.astype(np.float32)
        n_classes = min(config.max_classes, max(1, seen.n_valid // TEXELS_PER_CLASS))
        if n_classes > 1:
            sizes = [int(np.prod(block_shape(tiles[n].shape))) for n in numbers]
            firsts = np.cumsum([0, *sizes])
            blocks = np.concatenate([b + first for (_, b), first in zip(samples, firsts[:-1], strict=True)])
            n_blocks = int(firsts[-1])
            rotations = fit_regions(groups, blocks, n_blocks, n_classes)[1]
            rotations = worthwhile_rotations(groups, blocks, n_blocks, rotations)
            if len(rotations) > 1:
                # where every neighborhood took part, its blocks can be assigned at once
                parts = np.split(cheapest_classes(groups, blocks, n_blocks, rotations), firsts[1:-1])
                known = dict(zip(numbers, parts, strict=True)) if stride == 1 else {}
                classes = [_classes(tile, basis, step, rotations, known.get(n)) for n, tile in _each(tiles, on_tile)]
                return TemporalTransform(basis, tuple(classes), skew_codes(rotations), tuple(numbers))
            basis = basis.rotate(rotations[0])
    unit = np.zeros((1, n_components * (n_components - 1) // 2), np.int64)
    none = tuple(np.zeros(block_shape(tile.shape), np.uint8) for _, tile in _each(tiles, on_tile))
    return TemporalTransform(basis, none, unit, tuple(numbers))


def _each(tiles: DayTiles, on_tile: Callable[[], object]) -> Iterator[tuple[int, Tile]]:
    for number, tile in enumerate(tiles):
        yield number, tile
        on_tile()


def _classes(
    tile: Tile, basis: TemporalBasis, q_step: float, rotations: np.ndarray, known: np.ndarray | None
) -> np.ndarray:
    """(rows, columns) uint8 class of least rate of each block of a tile."""
    shape = block_shape(tile.shape)
    if known is None:
        values, blocks = _gather(tile, basis, q_step)
        costly = np.abs(values).max((0, 2), initial=0) > SIGNIFICANT  # the others cost the same in every class
        known = cheapest_classes(values[:, costly], blocks[costly], shape[0] * shape[1], rotations)
    return known.reshape(shape)
