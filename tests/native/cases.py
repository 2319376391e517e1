"""Random tiles of every option, encoded, with what the reference makes of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from todpack.decompressor.daybasis.entropy.stream import iter_bands
from todpack.decompressor.daybasis.entry import DayBasisEntry
from todpack.decompressor.daybasis.transform.pyramid import build_pyramid
from todpack.decompressor.daybasis.transform.reconstruct import Grids, reconstruct_maps
from todpack.decompressor.daybasis.transform.rotations import BLOCK, Regions, rotations_of_codes
from todpack.decompressor.daybasis.transform.smoothing import Smoothing
from todpack.decompressor.grid import ceil_div
from todpack.packer.daybasis.entropy.encode import encode_bands

SIDES = (1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 47, 64, 70)
LARGEST_MAP = 1 << 22  # grid steps


@dataclass(frozen=True)
class Case:
    """A tile.

    Attributes:
        stream: Coefficient stream.
        valid: (h, w) bool.
        entry: Fields of the metadata.
        rotation_codes: (n_classes, K (K - 1) / 2) int64.
        blocks: Region of each block.
    """

    stream: bytes
    valid: np.ndarray
    entry: DayBasisEntry
    rotation_codes: np.ndarray
    blocks: np.ndarray

    def reference(self, grids: bool = True) -> np.ndarray:
        """(K, h, w) float32 maps by NumPy."""
        entry = self.entry
        pyramid = build_pyramid(self.valid, entry.n_levels)
        return reconstruct_maps(
            iter_bands(self.stream, entry.n_components, pyramid.sites),
            pyramid,
            Regions(self.blocks, rotations_of_codes(self.rotation_codes, entry.n_components)),
            q_step=entry.q_step,
            centroids=entry.centroids,
            smoothing=entry.smoothing,
            grids=Grids(entry.exponents[:-1], entry.precision) if grids else None,
        )


def random_mask(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(height, width) bool, at least one texel valid: full, noise, rectangles, checkerboard, one texel."""
    kind = rng.integers(5)
    mask = np.ones((height, width), bool)
    if kind == 1:
        mask = rng.random((height, width)) < rng.uniform(0.05, 0.95)
    elif kind == 2:
        mask[:] = False
        for _ in range(rng.integers(1, 9)):
            y, x = rng.integers(height), rng.integers(width)
            mask[y : y + rng.integers(1, height + 1), x : x + rng.integers(1, width + 1)] ^= True
    elif kind == 3:
        mask = np.indices((height, width)).sum(axis=0) % 2 == 0
    elif kind == 4:
        mask[:] = False
    if not mask.any():
        mask[rng.integers(height), rng.integers(width)] = True
    return mask


def _codes(rng: np.random.Generator, n_maps: int, site: np.ndarray, density: float, spread: int) -> np.ndarray:
    shape = (n_maps, *site.shape)
    codes = np.rint(rng.standard_cauchy(shape) * rng.uniform(0.5, 4)).clip(-spread, spread)
    return (codes * (rng.random(shape) < density) * site).astype(np.int32)


def random_case(seed: int, side: int | None = None, n_components: int | None = None) -> Case:
    """A tile of any size, mask and options; `side` and `n_components` fix what else is random."""
    rng = np.random.default_rng(seed)
    height, width = (side, side) if side else (int(n) for n in rng.choice(SIDES, 2))
    k = n_components or int(rng.choice([1, 2, 3, 7, 8, 9, 16, 26, 33]))
    n_levels = int(rng.integers(1, 7))
    valid = random_mask(rng, height, width)
    pyramid = build_pyramid(valid, n_levels)
    density, spread = rng.uniform(0, 0.4), int(rng.choice([1, 3, 60, 3000, 100_000]))
    low = np.rint(rng.normal(0, rng.choice([3, 3000, 100_000]), (k, *pyramid.sites[0].shape))) * pyramid.sites[0]
    levels = [tuple(_codes(rng, k, site, density, spread) for site in level) for level in pyramid.sites[1:]]
    stream = encode_bands([low.astype(np.int32), *levels], pyramid.sites, entropy=str(rng.choice(["ans", "zstd"])))
    n_classes = int(rng.choice([1, 1, 2, 5]))
    pairs = k * (k - 1) // 2
    smoothing = Smoothing(float(rng.uniform(0, 2)), (int(rng.integers(17)) / 64, int(rng.integers(17)) / 64))
    entry = DayBasisEntry(
        n_components=k,
        n_classes=n_classes,
        q_step=float(rng.uniform(0.3, 40)),
        centroids=(int(rng.integers(-16, 17)) / 32, int(rng.integers(-16, 17)) / 32),
        n_levels=n_levels,
        tile=128,
        precision=0,
        exponents=np.zeros(k + 1, np.int64),
        gap_modes="L",
        entropy="ans",
        smoothing=smoothing if rng.random() < 0.3 else None,
        frame_graph="",
        curve="none",
    )
    codes = np.rint(rng.normal(0, 20, (n_classes, pairs))).astype(np.int64)
    if n_classes == 1:
        codes[:] = 0
    blocks = rng.integers(0, n_classes, (ceil_div(height, BLOCK), ceil_div(width, BLOCK))).astype(np.uint8)
    case = Case(stream, valid, entry, codes, blocks)
    reach = np.abs(case.reference(grids=False)).reshape(k, -1).max(axis=1)
    bits = 14 if rng.random() < 0.6 else 21  # 16-bit maps, or 32-bit ones
    precision = bits - 2  # frames of small matrices are about as large as sRGB codes
    steps = [bits - math.ceil(math.log2(max(r, 1e-3))) - int(rng.integers(0, 3)) for r in reach]
    exponents = np.array([*(step - precision for step in steps), -5], np.int64)
    fields = {**vars(entry), "precision": precision, "exponents": exponents}
    return Case(stream, valid, DayBasisEntry(**fields), codes, blocks)
