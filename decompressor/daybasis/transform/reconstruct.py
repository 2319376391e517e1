"""One tile from its coefficient stream to its maps."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from ..entropy.bands import IntArray
from ..entropy.stream import decode_bands
from ..entry import DayBasisEntry
from .lifting import inverse
from .pyramid import build_pyramid
from .rotations import Regions, restore_band

SAMPLES_PER_THREAD = 1 << 21  # below that, threads cost more than they save


def threads_for(n_samples: int, threads: int) -> int:
    """Threads that pay for this many samples."""
    return max(1, min(threads, n_samples // SAMPLES_PER_THREAD))


def decode_tile(data: bytes, valid: np.ndarray, entry: DayBasisEntry, regions: Regions, threads: int) -> np.ndarray:
    """Decode a tile's maps; with more threads, bands are restored while the next ones are still being decoded.

    Args:
        data: Coefficient stream.
        valid: (h, w) bool, with at least one valid texel.
        entry: The lightmap's fields.
        regions: Classes of the tile's blocks, and the regional rotations.
        threads: Worker threads; the result does not depend on it.

    Returns:
        (K, h, w) float32, not yet on their grids.

    Raises:
        EntropyError: the stream is truncated or inconsistent.
    """
    threads = threads_for(entry.n_components * valid.size, threads)
    pyramid = build_pyramid(valid, entry.n_levels)
    if entry.n_classes == 1:
        plain = decode_bands(data, entry.n_components, pyramid.sites)
        return inverse(plain, pyramid, entry.q_step, entry.centroids, threads)

    def restored(level: int, orientation: int, codes: IntArray) -> np.ndarray:
        stride = 1 << (len(pyramid.sites) - level)
        return restore_band(codes, pyramid.sites[level][orientation], regions, stride, entry.centroids)

    with ThreadPoolExecutor(max(1, threads - 1)) as pool:
        jobs: list[Future[np.ndarray]] = []

        def submit(level: int, orientation: int, codes: IntArray) -> None:
            jobs.append(pool.submit(restored, level, orientation, codes))

        bands = decode_bands(data, entry.n_components, pyramid.sites, submit if threads > 1 else None)
        if threads == 1:
            details = [restored(i, o, bands[i][o]) for i in range(1, len(bands)) for o in range(3)]
        else:
            details = [job.result() for job in jobs]
    levels: list[Any] = [tuple(details[i : i + 3]) for i in range(0, len(details), 3)]
    return inverse([bands[0], *levels], pyramid, entry.q_step, n_threads=threads)
