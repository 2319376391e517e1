"""The fields of metadata.json that belong to the family `daybasis`. FORMAT.md "daybasis"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import c_module
from ..errors import InvalidMetadataError
from ..graphs.shapes import FRAME_SIDE
from ..grid import TileGrid, ceil_div
from ..json_fields import Fields
from ..metadata import LightmapEntry
from ..working_set import BASIS_BYTES, MATRIX_BYTES, ROTATION_BYTES, TIME_BYTES, WorkingSet, mask_bytes
from .temporal.ramps import CUBIC, LINEAR
from .transform.smoothing import WEIGHT_SCALE, Smoothing

ENTROPY_CODERS = ("ans", "zstd")
CURVES = ("none", "square", "exp")
TILE_S, LEVEL_S, TEXEL_S, SAMPLE_S = 5e-4, 2e-4, 5e-8, 2e-8
"""Seconds on one core while a tile is decoded: of any tile, of each level, of each texel, of each texel of each map."""
NUMPY_TILE_S, NUMPY_LEVEL_S, NUMPY_SAMPLE_S = 1.5e-3, 2.5e-4, 5e-8
"""What NumPy takes more than the native core: for any tile, each level of it, and each texel of each map."""
PRODUCT_S, MOST_PRODUCTS = 1.5e-10, 1 << 13
"""Of each product that a texel's sums are made of at any time, and how many of a texel are looked at for whether sums
are exact; where there are more they are taken for inexact, which costs time and changes no bit."""
CODE_S, PYTHON_CODE_S = 5e-7, 3e-6
"""Of each code of a tile's packed model, one for each map, level and orientation: by the C module and without it."""
BASIS_ENTRY_S, ROTATION_STEP_S, TURN_S = 1e-7, 4e-9, 4e-10
"""Of each entry of the temporal matrices, of each step of the elimination that gives the rotations, and of each product
of a coefficient and an entry of its rotation, in float64 as where codes are large."""
NATIVE_BYTES, NUMPY_BYTES = (32, 4), (48, 9)
"""Of each texel, and of each texel of each map, while a tile is decoded and until it is drawn."""
MAX_CACHED_TIMES, CACHED_TIMES = 64, 8
"""Times whose matrices a decoder keeps: at most, and for each stored time."""
LEAST_NATIVE_MAPS = 5  # what the mask becomes takes as much, however few they are
MAX_COMPONENTS = 1024
MAX_STEP_EXPONENT = 100  # 2^22 steps are a float32 too


@dataclass(frozen=True)
class DayBasisEntry:
    """The family's fields for one lightmap, checked.

    Attributes:
        n_components: K.
        n_classes: Regional rotations; 1 means none.
        q_step: Width of one bin at sites of step scale 1.
        centroids: Reconstruction points, see `rotations.reconstruct`.
        n_levels: Levels of the wavelet pyramid.
        tile: Side of a tile in texels.
        precision: P; every product of a basis entry and a coefficient is a multiple of 2^-P.
        exponents: (K + 1,) int64; entries of basis column k are multiples of 2^exponents[k], the offset's of the last.
        gap_modes: One letter per stored time: how the gap after it is filled, "L" linear or "C" cubic.
        entropy: "ans" (the reader needs the package constriction) or "zstd".
        smoothing: How far to smooth the decoded maps; None leaves them as they are.
        frame_graph: Section name.
        curve: From affine values to rgb, "none" where the field is absent; FORMAT.md "Curve".
    """

    n_components: int
    n_classes: int
    q_step: float
    centroids: tuple[float, float]
    n_levels: int
    tile: int
    precision: int
    exponents: np.ndarray
    gap_modes: str
    entropy: str
    smoothing: Smoothing | None
    frame_graph: str
    curve: str

    @property
    def n_columns(self) -> int:
        """Columns of the temporal matrix: K, and more where a graph makes something else of them."""
        return len(self.exponents) - 1

    @property
    def map_exponents(self) -> np.ndarray:
        """(K,) those of the columns that maps belong to."""
        return self.exponents[: self.n_components]


def read_centroids(model: Fields) -> tuple[float, float]:
    """Reconstruction points; errors as of `read_entry`."""
    one, more = model.numbers("centroids", 2, 2)
    if any(abs(point) > 0.5 or 32.0 * point != round(32.0 * point) for point in (one, more)):
        raise InvalidMetadataError(
            f"{model.where}.centroids: expected multiples of 1/32 in [-0.5, 0.5], found {one}, {more}"
        )
    return one, more


def read_smoothing(model: Fields) -> Smoothing | None:
    """How far maps are smoothed; errors as of `read_entry`."""
    if model.is_absent("smoothing"):
        return None
    fields = model.child("smoothing")
    along_x, along_y = fields.numbers("weights", 2, 2)
    if any(not 0 <= w <= 0.25 or WEIGHT_SCALE * w != round(WEIGHT_SCALE * w) for w in (along_x, along_y)):
        raise InvalidMetadataError(
            f"{fields.where}.weights: expected multiples of 1/{WEIGHT_SCALE} in [0, 0.25], found {along_x}, {along_y}"
        )
    return Smoothing(fields.number("bound", 0.0, 1e3), (along_x, along_y))


def read_entry(lightmap: LightmapEntry, n_hours: int) -> DayBasisEntry:
    """Check the fields of `model` for this family.

    Raises:
        InvalidMetadataError: a field is missing, of a wrong type or out of range.
    """
    model = lightmap.model
    curve = model.choice("curve", CURVES) if not model.is_absent("curve") else "none"
    return read_fields(model, n_hours, 0, model.child("graphs").text("frame"), curve)


def read_fields(model: Fields, n_hours: int, n_more: int, frame_graph: str, curve: str = "none") -> DayBasisEntry:
    """Check the fields of maps and of a temporal matrix with so many more columns than maps; errors as above."""
    n_components = model.integer("n_components", 1, MAX_COMPONENTS)
    n_columns = n_components + n_more
    exponents = model.integers("exponents", n_columns + 1, n_columns + 1)
    of_maps = exponents[:n_components]
    modes = model.text("gap_modes", n_hours)
    if len(modes) != n_hours or set(modes) - {LINEAR, CUBIC}:
        raise InvalidMetadataError(f"{model.where}.gap_modes: expected one of L, C for each of {n_hours} hours")
    if min(exponents) < -64 or max(exponents) > 64:
        raise InvalidMetadataError(f"{model.where}.exponents: expected integers in -64..64, found others")
    precision = model.integer("precision", -64, 64)
    if precision + min(of_maps) < -MAX_STEP_EXPONENT or precision + max(of_maps) > MAX_STEP_EXPONENT:
        raise InvalidMetadataError(f"{model.where}.precision: expected steps of maps that float32 has, found others")
    return DayBasisEntry(
        n_components=n_components,
        n_classes=model.integer("n_classes", 1, 256),
        q_step=model.number("q_step", 1e-9, 1e9),
        centroids=read_centroids(model),
        n_levels=model.integer("n_levels", 1, 12),
        tile=model.integer("tile", 8, 1 << 14),
        precision=precision,
        exponents=np.asarray(exponents, np.int64),
        gap_modes=modes,
        entropy=model.choice("entropy", ENTROPY_CODERS),
        smoothing=read_smoothing(model),
        frame_graph=frame_graph,
        curve=curve,
    )


def tiles_of(lightmap: LightmapEntry, entry: DayBasisEntry) -> TileGrid:
    """What decodes on its own."""
    return TileGrid(lightmap.height, lightmap.width, entry.tile)


def tile_bytes(lightmap: LightmapEntry, entry: DayBasisEntry, is_native: bool) -> int:
    """What decoding a tile takes: the factors are measured peaks, rounded up."""
    texel, sample = NATIVE_BYTES if is_native else NUMPY_BYTES
    n_texels = min(entry.tile, lightmap.height) * min(entry.tile, lightmap.width)
    return n_texels * (texel + sample * max(entry.n_components, LEAST_NATIVE_MAPS if is_native else 1))


def working_set(lightmap: LightmapEntry, entry: DayBasisEntry, n_hours: int, decoder: str) -> WorkingSet:
    """What decoding needs, an estimate."""
    k, n_columns = entry.n_components, 3 * entry.n_columns + 3
    tables = n_columns * (MATRIX_BYTES * n_hours + TIME_BYTES * most_times(n_hours))
    opening = max(0, BASIS_BYTES * n_hours * n_columns - tables)
    if entry.n_classes > 1:
        tables += ROTATION_BYTES * entry.n_classes * k * k
    kept = mask_bytes(lightmap.height, lightmap.width) + tables
    return WorkingSet(kept, len(tiles_of(lightmap, entry)), tile_bytes(lightmap, entry, decoder == "native"), opening)


def most_times(n_hours: int) -> int:
    """Times whose matrices a decoder keeps, of a lightmap of so many stored ones."""
    return min(MAX_CACHED_TIMES, CACHED_TIMES * n_hours)


def frame_seconds(lightmap: LightmapEntry, entry: DayBasisEntry, n_hours: int, tile_s: float) -> float:
    """Seconds on one core, an estimate, before a frame of 256 x 256 texels is there: its tiles, the matrices.

    Args:
        lightmap: Its size.
        entry: Its model.
        n_hours: T.
        tile_s: What reading the sections of a tile takes at most, beside.
    """
    seen, k = _tiles_of_frame(lightmap, entry), entry.n_components
    n_tiles, texels = len(seen), seen.height * seen.width
    tables = BASIS_ENTRY_S * n_hours * (3 * entry.n_columns + 3)
    if entry.n_classes > 1:
        tables += ROTATION_STEP_S * entry.n_classes * k**3
    tile_s += 3 * entry.n_levels * k * (CODE_S if c_module.IS_BUILT else PYTHON_CODE_S)
    texel_s = TEXEL_S + k * SAMPLE_S + PRODUCT_S * min(3 * n_hours * k, MOST_PRODUCTS)
    texel_s += TURN_S * k * k if entry.n_classes > 1 else 0.0
    return n_tiles * (TILE_S + tile_s + entry.n_levels * LEVEL_S) + texels * texel_s + tables


def numpy_seconds(lightmap: LightmapEntry, entry: DayBasisEntry) -> float:
    """What those tiles take more by NumPy."""
    seen = _tiles_of_frame(lightmap, entry)
    samples = seen.height * seen.width * entry.n_components
    return len(seen) * (NUMPY_TILE_S + entry.n_levels * NUMPY_LEVEL_S) + samples * NUMPY_SAMPLE_S


def _tiles_of_frame(lightmap: LightmapEntry, entry: DayBasisEntry) -> TileGrid:
    """The whole tiles that are decoded for a frame of 256 x 256 texels."""
    sizes = (lightmap.height, lightmap.width)
    rows, columns = (min(n, entry.tile * ceil_div(min(n, FRAME_SIDE), entry.tile)) for n in sizes)
    return TileGrid(rows, columns, entry.tile)


def describe(entry: DayBasisEntry) -> list[str]:
    """The fields of `model`, for people."""
    n_cubic = entry.gap_modes.count(CUBIC)
    return [
        f"  basis: K = {entry.n_components} components, entries in bins of 2^{entry.exponents.min()} .. "
        f"2^{entry.exponents.max()}; {n_cubic} gaps cubic, {len(entry.gap_modes) - n_cubic} linear",
        f"  maps: q_step {entry.q_step:g} codes, {entry.n_levels} wavelet levels, tiles of {entry.tile}, "
        f"{entry.n_classes} regional rotations",
    ]
