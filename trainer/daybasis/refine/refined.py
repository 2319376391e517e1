"""What a refinement hands to the packer; no torch here, because the packer imports it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RefinedLightmap:
    """What the packer codes instead of its own rounding.

    Attributes:
        codes: Per tile with valid texels, int32 bands as `encode_lightmap` has them.
        centroids: Reconstruction points.
        history: (bits, mean squared error) before and after each sweep; bits are the estimate of all coefficient
            streams, the error is that of the decoded values before they are rounded to 8 bits.
    """

    codes: list[Any]
    centroids: tuple[float, float]
    history: list[tuple[float, float]]
