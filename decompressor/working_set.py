"""How much memory the lightmaps of a file need: an estimate from the metadata, taken before any work.

The factors are measured peaks of numpy's allocations, rounded up; a test holds them to it.
"""

from __future__ import annotations

from collections.abc import Iterable

from .daybasis.entry import DayBasisEntry
from .grid import TileGrid
from .gridmlp import GridMlpEntry
from .memory import MemoryAccount
from .metadata import LightmapEntry
from .siren import SirenEntry

TEXEL_BYTES = 16  # of a lightmap: its mask, and one frame of float32
TILE_TEXEL_BYTES, TILE_SAMPLE_BYTES = 64, 24  # while a tile is decoded: of each texel, and of each texel of each map
TURN_BYTES, BASIS_BYTES = 80, 160  # of each entry of a regional rotation, and of each entry of a temporal matrix
BASELINE_BYTES = 112  # of each texel, while the baseline frame is decoded
SECTION_FACTOR = 20  # of decoded sections, while they become float32
THREADS_SHARE = 2  # more threads than one only within one part of so many, so that the graphs have the rest


def daybasis_bytes(
    lightmap: LightmapEntry, entry: DayBasisEntry, n_hours: int, cache_bytes: int
) -> tuple[int, int, int]:
    """(kept, tiles, at work on each of them) estimates for one lightmap of this family."""
    tile = min(entry.tile, lightmap.height) * min(entry.tile, lightmap.width)
    n_tiles = len(TileGrid(lightmap.height, lightmap.width, entry.tile))
    n_texels, k = lightmap.height * lightmap.width, entry.n_components
    tables = BASIS_BYTES * n_hours * (3 * k + 3) + (TURN_BYTES * entry.n_classes * k * k if entry.n_classes > 1 else 0)
    kept = TEXEL_BYTES * n_texels + max(4 * k * tile, min(4 * k * n_texels, cache_bytes)) + tables
    return kept, n_tiles, tile * (TILE_TEXEL_BYTES + TILE_SAMPLE_BYTES * k)


def latent_map_bytes(lightmap: LightmapEntry, n_latents: int, has_baseline: bool) -> tuple[int, int]:
    """(kept, at work) estimates for one lightmap of the families that have one latent map."""
    n_texels = lightmap.height * lightmap.width
    kept = n_texels * (TEXEL_BYTES + 4 * n_latents)
    return kept, n_texels * (4 * n_latents + (BASELINE_BYTES if has_baseline else 0))


def reserve(
    account: MemoryAccount,
    lightmaps: Iterable[tuple[LightmapEntry, DayBasisEntry | GridMlpEntry | SirenEntry]],
    n_hours: int,
    decoded_bytes: int,
    threads: int,
    where: str,
) -> int:
    """Take what decoding all lightmaps will need but for the graphs.

    Args:
        account: Of the file.
        lightmaps: And the fields of their models.
        n_hours: Stored times.
        decoded_bytes: Of all sections.
        threads: That may decode tiles at once.
        where: The file, for messages.

    Returns:
        How many of the threads may decode tiles at once: as many as there is memory for, at least one.

    Raises:
        LimitExceededError: it is more than a file of this size may take.
    """
    all_kept = SECTION_FACTOR * decoded_bytes
    work: list[tuple[int, int]] = []  # (tiles, bytes for each at work) of each lightmap; one is decoded at a time
    for lightmap, entry in lightmaps:
        if isinstance(entry, DayBasisEntry):
            kept, n_tiles, at_work = daybasis_bytes(lightmap, entry, n_hours, account.cache_bytes)
            work.append((n_tiles, at_work))
        else:
            n_latents = entry.n_latents if isinstance(entry, GridMlpEntry) else entry.latent_dim + 3
            kept, at_work = latent_map_bytes(lightmap, n_latents, entry.baseline_q_step is not None)
            work.append((1, at_work))
        all_kept += kept

    def needed(workers: int) -> int:
        return all_kept + max((min(workers, n_tiles) * at_work for n_tiles, at_work in work), default=0)

    while threads > 1 and needed(threads) > account.left // THREADS_SHARE:
        threads //= 2
    account.take(needed(threads), f"{where}: decoding")
    return threads
