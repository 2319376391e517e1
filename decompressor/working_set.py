"""How much memory the lightmaps of a file need: an estimate from the metadata, taken before any work.

The factors are measured peaks, rounded up; a test holds them to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nlargest

from .errors import LimitExceededError
from .limits import Limits
from .memory import MemoryAccount

BASIS_BYTES, MATRIX_BYTES = 160, 80  # of each entry of a temporal matrix, while it is read and from then on
TIME_BYTES = 8  # of each of those at a time, which are kept for a few
ROTATION_BYTES = 80  # of each entry of a regional rotation
BASELINE_BYTES = 112  # of each texel, while the baseline frame is decoded
SECTION_BYTES, LARGEST_SECTION_BYTES = 5, 15  # of a decoded byte, as float32; of the largest section on its way there
LIGHTMAP_BYTES = 1 << 15  # of the objects that stand for a lightmap
THREADS_SHARE = 2  # several threads only where they need at most 1 / this of what is left; the rest is for the graphs


@dataclass(frozen=True)
class WorkingSet:
    """What one lightmap needs.

    Attributes:
        kept: Bytes kept once it is open, beside its tiles.
        n_tiles: Tiles that can be decoded at once.
        at_work: Bytes for each tile while it is decoded, and until it is drawn.
        opening: Bytes more while it is opened, as one lightmap at a time is.
    """

    kept: int
    n_tiles: int
    at_work: int
    opening: int = 0


def mask_bytes(height: int, width: int) -> int:
    """One bit for each texel."""
    return height * (width // 8 + 1)


def check_texels(n_texels: int, file_bytes: int, limits: Limits, where: str) -> None:
    """Refuse lightmaps that are larger than a file of this size may have.

    Raises:
        LimitExceededError: they are.
    """
    limit = limits.texels_for(file_bytes)
    if n_texels > limit:
        raise LimitExceededError(f"{where}: {n_texels} texels are over the limit of {limit} for a file of this size")


def reserve(
    account: MemoryAccount, needs: Iterable[WorkingSet], section_bytes: Iterable[int], threads: int, where: str
) -> int:
    """Reserve what decoding all lightmaps needs, apart from the graphs and from tiles that are held.

    What more than one thread needs is lent: where the graphs need it too, one thread decodes. What a file may take, and
    so whether it is whole, is the same on every machine.

    Args:
        account: The file's account.
        needs: What each lightmap needs; tiles of any are decoded at once.
        section_bytes: Decoded size of each section.
        threads: Threads that may decode tiles at once.
        where: The file, for messages.

    Returns:
        How many of the threads may decode tiles at once: as many as there is memory for, at least one.

    Raises:
        LimitExceededError: it is more than a file of this size may take.
    """
    sets, sizes = list(needs), list(section_bytes)
    kept = sum(one.kept + LIGHTMAP_BYTES for one in sets)
    kept += max((one.opening for one in sets), default=0)
    kept += SECTION_BYTES * sum(sizes) + LARGEST_SECTION_BYTES * max(sizes, default=0)

    def needed(workers: int) -> int:
        at_work = (one.at_work for one in sets for _ in range(min(workers, one.n_tiles)))
        return kept + sum(nlargest(workers, at_work))

    while threads > 1 and needed(threads) > account.left // THREADS_SHARE:
        threads //= 2
    account.take(needed(1), f"{where}: decoding")
    account.lend(needed(threads) - needed(1))
    return threads
