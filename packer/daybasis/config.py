"""How a day is transformed, and how it is coded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from todpack.decompressor.daybasis.entry import MAX_COMPONENTS

from ..configuration import check, option, to_json
from .quantize import RD_WEIGHT
from .radiance import TRANSFERS

LINEAR_STEP = 2.5
"""Default of linear radiance: meets the contest's best marks of PSNR, SSIM and LPIPS together, see docs/contest.md."""


@dataclass(frozen=True)
class DayBasisConfig:
    """How the basis of a day is found."""

    q_step: float = option(16.0, 0.05, 1e6, help="Quantizer step in codes; packing may use another near it.")
    tile: int = option(512, 8, 1 << 14, help="Side of the independent tiles.")
    n_levels: int | None = option(
        None,
        1,
        12,
        of=int,
        flag="--levels",
        help="Levels of the pyramid.  [default: 5, under 192 texels fewer]",
    )
    rotate: bool = option(True, help="Find the sparse rotation; without it the basis is the plain KLT.")
    max_components: int | None = option(
        None,
        1,
        MAX_COMPONENTS,
        of=int,
        help="Components at most: frames cost in proportion.  [default: as many as save bytes]",
    )
    max_classes: int = option(12, 1, 256, help="Regional rotations at most; 1: none.")
    transfer: str = option("gamma", choices=TRANSFERS, help="Domain in which linear radiance is coded.")
    reweight: int = option(1, 0, 16, help="Linear: trial codings that trade SSIM of busy hours for bytes.")

    def __post_init__(self) -> None:
        check(self)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return to_json(self)


@dataclass(frozen=True)
class DayBasisPackOptions:
    """How to code."""

    rd_weight: float = option(
        RD_WEIGHT,
        0.0,
        100.0,
        help="Squared steps that a bit is worth; 0: a dead zone alone. Of closed-form codes: --refine has its own.",
    )
    entropy: str = option("ans", choices=("ans", "zstd"), help="zstd: larger, no constriction.")
    smoothing: bool | None = option(
        None, of=bool, help="Smooth decoded maps: 2 % fewer bytes, opens slower.  [default: where refined]"
    )
    packs_metadata: bool = option(False, flag="", help="Metadata in adaptive bits where that is worth format 1.4.")

    def __post_init__(self) -> None:
        check(self)


def stored_step(q_step: float) -> float:
    """The step as the archive keeps it: the shortest text of the nearest float32."""
    return float(str(np.float32(q_step)))
