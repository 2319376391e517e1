"""What a refinement of a lightmap hands to the encoder, and how a run folder keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from todpack.decompressor.daybasis.entropy.symbols import MAX_DETAIL
from todpack.decompressor.daybasis.entry import read_centroids, read_smoothing
from todpack.decompressor.daybasis.transform.pyramid import Pyramid
from todpack.decompressor.daybasis.transform.smoothing import Smoothing
from todpack.decompressor.json_fields import Fields

from ..run_folder import ARRAYS_NAME, Run

LARGEST_RATE = 1e18
"""Bits of any lightmap are fewer."""


@dataclass(frozen=True)
class RefinedLightmap:
    """Codes to store instead of the encoder's own rounding.

    Attributes:
        codes: Per tile with valid texels, int32 bands coarse to fine: (K, h, w), then three of these per level.
        centroids: Reconstruction points.
        smoothing: Of the decoded maps, None without.
        history: (bits, mean squared error) before and after each sweep; bits are the estimate of all coefficient
            streams, the error is that of the decoded values before they are rounded to 8 bits.
        gains: (K,) factors on the steps of the components: maps were divided by them; None: 1.
    """

    codes: list[Any]
    centroids: tuple[float, float]
    smoothing: Smoothing | None
    history: list[tuple[float, float]]
    gains: np.ndarray | None = None


def arrays_of_refined(refined: RefinedLightmap) -> dict[str, np.ndarray]:
    """Its arrays in a run folder: codes_<tile>_<level>_<orientation>, centroids, smoothing and history."""
    smoothing = refined.smoothing
    arrays = {
        "centroids": np.asarray(refined.centroids),
        "smoothing": np.zeros(3) if smoothing is None else np.array([smoothing.bound, *smoothing.weights]),
        "history": np.asarray(refined.history),
    }
    if refined.gains is not None:
        arrays["gains"] = refined.gains
    for index, bands in enumerate(refined.codes):
        arrays[f"codes_{index}_0_0"] = bands[0]
        for level, band in enumerate(bands[1:], 1):
            arrays |= {f"codes_{index}_{level}_{o}": codes for o, codes in enumerate(band)}
    return arrays


def refined_of_run(run: Run, pyramids: Sequence[Pyramid]) -> RefinedLightmap:
    """The inverse of `arrays_of_refined`.

    Args:
        run: Of which codes were kept.
        pyramids: Of the lightmap's tiles with valid texels.

    Raises:
        PackError: an array is missing, of another shape, or of numbers that no codes are.
        InvalidMetadataError: what no archive can say.
    """
    array = run.array
    codes = []
    for index, pyramid in enumerate(pyramids):
        low = array(f"codes_{index}_0_0", None, *pyramid.sites[0].shape)
        bands: list[Any] = [low]
        for level, sites in enumerate(pyramid.sites[1:], 1):
            names = [f"codes_{index}_{level}_{o}" for o in range(len(sites))]
            bands.append(
                tuple(array(n, len(low), *s.shape, largest=MAX_DETAIL) for n, s in zip(names, sites, strict=True))
            )
        codes.append(bands)
    bound, along_x, along_y = (float(n) for n in array("smoothing", 3))
    stored: dict[str, Any] = {"centroids": [float(n) for n in array("centroids", 2)]}
    if bound:
        stored["smoothing"] = {"bound": bound, "weights": [along_x, along_y]}
    fields = Fields(stored, str(run.path / ARRAYS_NAME))
    history = [(float(rate), float(mse)) for rate, mse in array("history", None, 2, largest=LARGEST_RATE)]
    return RefinedLightmap(codes, read_centroids(fields), read_smoothing(fields), history)
