"""How much memory the lightmaps of a file need: an estimate from the metadata, taken before any work.

The factors are measured peaks of numpy's allocations, rounded up; a test holds them to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .memory import MemoryAccount

TEXEL_BYTES = 16  # of a lightmap: its mask, and one frame of float32
TILE_TEXEL_BYTES, TILE_SAMPLE_BYTES = 64, 24  # while a tile is decoded: of each texel, and of each texel of each map
ROTATION_BYTES, BASIS_BYTES = 80, 160  # of each entry of a regional rotation, and of each entry of a temporal matrix
BASELINE_BYTES = 112  # of each texel, while the baseline frame is decoded
SECTION_FACTOR = 20  # of decoded sections, while they become float32
THREADS_SHARE = 2  # several threads only where they need at most 1 / this of what is left; the rest is for the graphs


@dataclass(frozen=True)
class WorkingSet:
    """What one lightmap needs.

    Attributes:
        kept: Bytes kept once it is decoded.
        n_tiles: Tiles that can be decoded at once.
        at_work: Bytes for each tile while it is decoded.
    """

    kept: int
    n_tiles: int
    at_work: int


def reserve(account: MemoryAccount, needs: Iterable[WorkingSet], decoded_bytes: int, threads: int, where: str) -> int:
    """Reserve what decoding all lightmaps needs, apart from the graphs.

    Args:
        account: The file's account.
        needs: What each lightmap needs; one is decoded at a time.
        decoded_bytes: Decoded size of all sections.
        threads: Threads that may decode tiles at once.
        where: The file, for messages.

    Returns:
        How many of the threads may decode tiles at once: as many as there is memory for, at least one.

    Raises:
        LimitExceededError: it is more than a file of this size may take.
    """
    sets = list(needs)
    kept = SECTION_FACTOR * decoded_bytes + sum(one.kept for one in sets)

    def needed(workers: int) -> int:
        return kept + max((min(workers, one.n_tiles) * one.at_work for one in sets), default=0)

    while threads > 1 and needed(threads) > account.left // THREADS_SHARE:
        threads //= 2
    account.take(needed(threads), f"{where}: decoding")
    return threads
