"""What a refinement hands to the packer; no torch here, because the packer imports it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from todpack.decompressor.daybasis.transform.smoothing import Smoothing
from todpack.packer.daybasis.tiles import Tile


@dataclass(frozen=True)
class RefinedLightmap:
    """What the packer codes instead of its own rounding.

    Attributes:
        codes: Per tile with valid texels, int32 bands as `encode_lightmap` has them.
        centroids: Reconstruction points.
        smoothing: Of the decoded maps, None without.
        history: (bits, mean squared error) before and after each sweep; bits are the estimate of all coefficient
            streams, the error is that of the decoded values before they are rounded to 8 bits.
    """

    codes: list[Any]
    centroids: tuple[float, float]
    smoothing: Smoothing | None
    history: list[tuple[float, float]]


def arrays_of_refined(refined: RefinedLightmap) -> dict[str, np.ndarray]:
    """The arrays of a run folder that keep it: codes_<tile>_<level>_<orientation>, centroids, smoothing, history."""
    arrays = {
        "centroids": np.asarray(refined.centroids),
        "smoothing": np.zeros(3) if refined.smoothing is None else np.array(_smoothing_numbers(refined.smoothing)),
        "history": np.asarray(refined.history),
    }
    for index, bands in enumerate(refined.codes):
        arrays[f"codes_{index}_0_0"] = bands[0]
        for level, band in enumerate(bands[1:], 1):
            arrays |= {f"codes_{index}_{level}_{o}": codes for o, codes in enumerate(band)}
    return arrays


def _smoothing_numbers(smoothing: Smoothing) -> tuple[float, float, float]:
    return smoothing.bound, *smoothing.weights


def refined_of_arrays(get: Callable[..., np.ndarray], tiles: Sequence[Tile]) -> RefinedLightmap:
    """The inverse of `arrays_of_refined`.

    Args:
        get: Gives an array by name and shape (None fits any length), or raises.
        tiles: Of the lightmap.
    """
    codes = []
    for index, pyramid in enumerate(tile.pyramid for tile in tiles if tile.pyramid is not None):
        low = get(f"codes_{index}_0_0", None, *pyramid.sites[0].shape)
        bands: list[Any] = [low]
        for level, sites in enumerate(pyramid.sites[1:], 1):
            bands.append(tuple(get(f"codes_{index}_{level}_{o}", len(low), *s.shape) for o, s in enumerate(sites)))
        codes.append(bands)
    bound, along_x, along_y = (float(n) for n in get("smoothing", 3))
    one, more = (float(n) for n in get("centroids", 2))
    history = [(float(rate), float(mse)) for rate, mse in get("history", None, 2)]
    return RefinedLightmap(codes, (one, more), Smoothing(bound, (along_x, along_y)) if bound else None, history)
