"""Maps of a tile from its sections, in NumPy: what the frame is made of, whatever makes it."""

from __future__ import annotations

import numpy as np

from ..graphs.heap import HEAP
from ..grid import Place
from .entropy.stream import iter_bands
from .entry import tile_bytes
from .gutter import dilate
from .stored import Stored
from .transform.pyramid import build_pyramid
from .transform.reconstruct import Grids, reconstruct_maps
from .transform.rotations import MAX_ENTRY as MAX_ROTATION
from .transform.rotations import Regions, rotations_of_codes


def read_rotations(stored: Stored) -> np.ndarray:
    """(n_classes, K, K) float64 regional rotations.

    Raises:
        ArchiveError: their section is missing or damaged.
    """
    entry = stored.entry
    if entry.n_classes == 1:
        return np.eye(entry.n_components)[None]
    rotations = rotations_of_codes(stored.rotation_codes(), entry.n_components)
    if not np.abs(rotations).max() <= MAX_ROTATION:
        raise stored.invalid("turns", "these are no rotations")
    return rotations


def decode_maps(stored: Stored, place: Place, rotations: np.ndarray) -> np.ndarray:
    """(K, h, w) float32 maps of a tile on their grids, not writable.

    One thread does it: each that helped would keep in its heap what it took.

    Args:
        stored: Sections of the lightmap.
        place: The tile.
        rotations: From `read_rotations`.

    Raises:
        ArchiveError: the tile's sections are missing or damaged, or its maps too large.
    """
    entry, file, valid = stored.entry, stored.file, stored.mask(place)
    taken = tile_bytes(file.entry, entry, is_native=False)
    with stored.errors_of(place), HEAP.room_for(taken, at_once=True):
        stream = stored.stream(place)
        if not valid.any():
            return np.broadcast_to(np.float32(0), (entry.n_components, *valid.shape))
        pyramid = build_pyramid(valid, entry.n_levels)
        maps = reconstruct_maps(
            iter_bands(stream, entry.n_components, pyramid.sites),
            pyramid,
            Regions(stored.blocks(place), rotations),
            q_step=entry.q_step,
            centroids=entry.centroids,
            smoothing=entry.smoothing,
            grids=Grids(entry.map_exponents, entry.precision),
        )
    if file.gutter == "dilate":
        dilate(maps, valid)
    maps.flags.writeable = False  # others get the same array
    return maps
