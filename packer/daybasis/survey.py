"""The temporal transform of a day that is read tile by tile: covariance over all of it, rotations from some tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from todpack.decompressor.daybasis.transform.pyramid import build_pyramid
from todpack.decompressor.daybasis.transform.rotations import BLOCK, SKEW_SCALE
from todpack.frames.errors import DataError
from todpack.frames.tile_source import TileSource

from .config import DayBasisConfig
from .single_blas import single_blas
from .tiles import Tile
from .transform.closed_form import TEXELS_PER_CLASS
from .transform.forward import forward
from .transform.klt import TemporalBasis, basis_of_covariance
from .transform.neighborhoods import gather_neighborhoods
from .transform.region_fit import cheapest_classes, fit_regions, skew_of_rotation
from .transform.rotation import SIGNIFICANT, sparse_rotation

ROW_STRIDE = 4  # the covariance takes every 4th row
SAMPLE_TILES = 8
SAMPLE_NEIGHBORHOODS = 40_000  # of each sample tile
CLASS_STRIDE = 2  # a block's class is chosen by every 2nd of its neighborhoods

Place = tuple[slice, slice]


@dataclass(frozen=True)
class Survey:
    """What a first reading of all tiles gives.

    Attributes:
        places: Rows and columns of every tile, row by row.
        valid: (H, W) bool.
        mean: (3T,) float64 mean day.
        covariance: (3T, 3T) float64.
        spreads: Per tile, total variance within it times its valid texels; 0 without any.
    """

    places: tuple[Place, ...]
    valid: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    spreads: np.ndarray


@dataclass(frozen=True)
class SampledTransform:
    """A transform for tiles that come one after another.

    Attributes:
        basis: The common basis.
        rotations: (n_classes, K, K) regional rotations.
        skew_codes: (n_classes, K (K - 1) / 2) int64, their codes.
    """

    basis: TemporalBasis
    rotations: np.ndarray
    skew_codes: np.ndarray


def tile_places(height: int, width: int, side: int) -> tuple[Place, ...]:
    """Rows and columns of the tiles, row by row; the last ones may be smaller."""
    tops, lefts = range(0, height, side), range(0, width, side)
    return tuple(
        (slice(top, min(top + side, height)), slice(left, min(left + side, width))) for top in tops for left in lefts
    )


def days_of(codes: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(N, 3T) float32 days of the valid texels from (T, h, w, 3) codes."""
    picked = codes.reshape(len(codes), -1, 3)[:, np.flatnonzero(valid)]
    return picked.transpose(1, 0, 2).reshape(-1, 3 * len(codes)).astype(np.float32)


def read_tile(source: TileSource, place: Place, n_levels: int) -> Tile:
    """A tile of a day; without a pyramid where no texel is valid."""
    codes, valid = source.read(*place)
    if not valid.any():
        return Tile(*place, None, np.zeros((0, 3 * len(codes)), np.float32))
    return Tile(*place, build_pyramid(valid, n_levels), days_of(codes, valid))


@single_blas
def survey_day(source: TileSource, side: int, on_tile: Callable[[], object] = lambda: None) -> Survey:
    """Read every tile once.

    Args:
        source: The day.
        side: Of a tile.
        on_tile: Called after each tile, for progress.

    Raises:
        DataError: no texel is valid.
    """
    places = tile_places(source.height, source.width, side)
    n_columns = 3 * len(source.hours)
    valid = np.zeros((source.height, source.width), bool)
    count, total, squares = 0, np.zeros(n_columns), np.zeros((n_columns, n_columns))
    spreads = np.zeros(len(places))
    shift: np.ndarray | None = None
    for number, place in enumerate(places):
        codes, inside = source.read(*place)
        valid[place] = inside
        stride = ROW_STRIDE if inside[::ROW_STRIDE].any() else 1  # few valid texels may all lie between those rows
        days = days_of(codes[:, ::stride], inside[::stride])
        if len(days):
            if shift is None:
                shift = days.mean(0, dtype=np.float64).astype(np.float32)
            days -= shift
            sums, products = days.sum(0, dtype=np.float64), (days.T @ days).astype(np.float64)
            count, total, squares = count + len(days), total + sums, squares + products
            spreads[number] = float(np.trace(products) - (sums @ sums) / len(days))
        on_tile()
    if shift is None:
        raise DataError(f"{source.name}: expected at least one valid texel, found none")
    mean = total / count
    return Survey(places, valid, mean + shift, squares / count - np.outer(mean, mean), spreads)


def sample_tiles(spreads: np.ndarray) -> list[int]:
    """Numbers of SAMPLE_TILES tiles, evenly spaced in the upper half of the ranking by spread."""
    ranking = np.argsort(-spreads, kind="stable")
    used = ranking[: max(1, int(np.count_nonzero(spreads)))]
    upper = used[: max(min(SAMPLE_TILES, len(used)), len(used) // 2)]
    chosen = np.unique(np.linspace(0, len(upper) - 1, SAMPLE_TILES).round().astype(int))
    return [int(n) for n in upper[chosen]]


def _gather(tile: Tile, basis: TemporalBasis, q_step: float, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Neighborhoods (4, M, K) of a tile and the number of the block of each."""
    assert tile.pyramid is not None
    values, places = gather_neighborhoods(forward(tile.maps(basis), tile.pyramid), tile.pyramid, q_step)
    rows, columns = block_shape(tile)
    blocks = np.minimum(places[::stride, 0] // BLOCK, rows - 1) * columns
    blocks += np.minimum(places[::stride, 1] // BLOCK, columns - 1)
    return np.ascontiguousarray(values[:, ::stride]), blocks


def block_shape(tile: Tile) -> tuple[int, int]:
    """Rows and columns of blocks in a tile."""
    return -(-tile.shape[0] // BLOCK), -(-tile.shape[1] // BLOCK)


def _samples(
    source: TileSource, survey: Survey, basis: TemporalBasis, config: DayBasisConfig
) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    for number in sample_tiles(survey.spreads):
        tile = read_tile(source, survey.places[number], config.n_levels)
        stride = -(-(len(tile.days) // 4) // SAMPLE_NEIGHBORHOODS)  # about N / 4 neighborhoods
        rows, columns = block_shape(tile)
        yield *_gather(tile, basis, config.q_step, max(1, stride)), rows * columns


def _joined(samples: Sequence[tuple[np.ndarray, np.ndarray, int]]) -> tuple[np.ndarray, np.ndarray, int]:
    firsts = np.cumsum([0, *(n for _, _, n in samples)])
    blocks = np.concatenate([b + first for (_, b, _), first in zip(samples, firsts[:-1], strict=True)])
    return np.concatenate([values for values, _, _ in samples], axis=1), blocks, int(firsts[-1])


@single_blas
def sampled_transform(source: TileSource, survey: Survey, config: DayBasisConfig) -> SampledTransform:
    """The basis of the surveyed covariance, with rotations that are fitted to SAMPLE_TILES tiles."""
    weights = np.ones(len(source.hours))
    basis = basis_of_covariance(survey.covariance, survey.mean, weights, config.q_step)
    n_components = basis.matrix.shape[1]
    unit = SampledTransform(
        basis, np.eye(n_components)[None], np.zeros((1, n_components * (n_components - 1) // 2), np.int64)
    )
    if n_components < 2 or not survey.spreads.any():
        return unit
    groups, blocks, n_blocks = _joined(list(_samples(source, survey, basis, config)))
    if config.rotate:
        turn = sparse_rotation(groups)
        basis, groups = basis.rotate(turn), groups @ turn.astype(np.float32)
    n_classes = min(config.max_classes, max(1, int(survey.valid.sum()) // TEXELS_PER_CLASS))
    if n_classes < 2:
        return SampledTransform(basis, unit.rotations, unit.skew_codes)
    _, rotations = fit_regions(groups, blocks, n_blocks, n_classes)
    skews = np.stack([skew_of_rotation(rotation) for rotation in rotations])
    return SampledTransform(basis, rotations, np.rint(skews * SKEW_SCALE).astype(np.int64))


def classes_of_tile(tile: Tile, found: SampledTransform, q_step: float) -> np.ndarray:
    """(rows, columns) uint8 class of each block of a tile."""
    shape = block_shape(tile)
    if len(found.rotations) < 2 or tile.pyramid is None:
        return np.zeros(shape, np.uint8)
    values, blocks = _gather(tile, found.basis, q_step, CLASS_STRIDE)
    costly = np.abs(values).max((0, 2), initial=0) > SIGNIFICANT
    values, blocks = values[:, costly], blocks[costly]
    return cheapest_classes(values, blocks, shape[0] * shape[1], found.rotations).reshape(shape)
