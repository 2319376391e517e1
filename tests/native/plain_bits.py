"""Random tiles without an entropy coder, with what NumPy makes of them."""

from __future__ import annotations

import numpy as np

from tests.native.cases import Case, random_case
from todpack.decompressor.bits import BitReader
from todpack.decompressor.daybasis import native
from todpack.decompressor.daybasis.entropy.stream import decode_bands
from todpack.decompressor.daybasis.transform.pyramid import build_pyramid, in_coding_order
from todpack.decompressor.daybasis.transform.reconstruct import Grids, reconstruct_maps
from todpack.decompressor.daybasis.transform.rotations import Regions, rotations_of_codes
from todpack.submission.contest.write_bands import BitWriter, write_bands
from todpack.submission.plain_bits.sorted_bands import read_sorted_bands


def bits_of(case: Case, skipped: int = 3) -> bytes:
    """Some bits of something else, then the coefficients of a case."""
    writer, sites = BitWriter(), build_pyramid(case.valid, case.entry.n_levels).sites
    writer.flags(np.ones(skipped, bool))
    write_bands(writer, decode_bands(case.stream, case.entry.n_components, sites), sites)
    return writer.to_bytes()


def by_numpy(case: Case, content: bytes) -> tuple[np.ndarray, int]:
    """(K, h, w) float32 maps and the bit behind them."""
    entry, pyramid, reader = case.entry, build_pyramid(case.valid, case.entry.n_levels), BitReader(content)
    reader.position = 3
    maps = reconstruct_maps(
        in_coding_order(read_sorted_bands(reader, entry.n_components, pyramid.sites)),
        pyramid,
        Regions(case.blocks, rotations_of_codes(case.rotation_codes, entry.n_components)),
        q_step=entry.q_step,
        centroids=entry.centroids,
        smoothing=entry.smoothing,
        grids=Grids(entry.exponents[:-1], entry.precision),
    )
    return maps, reader.position


def by_core(case: Case, content: bytes) -> tuple[np.ndarray, int]:
    """The same by the native core."""
    entry, rotations = case.entry, None
    if entry.n_classes > 1:
        rotations = native.rotations_of_codes(case.rotation_codes, entry.n_components)
    tile, end = native.decode_plain_bits(content, 3, case.valid, entry, case.blocks, rotations)
    return native.latents(tile), end


def any_case(seed: int, side: int | None = None, n_components: int | None = None) -> Case:
    """A tile of any size, mask and options."""
    return random_case(10_000 + seed, side, n_components)
