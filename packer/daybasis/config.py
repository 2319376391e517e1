"""How a day is transformed, and how it is coded."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConfigError, PackError
from .quantize import RD_WEIGHT
from .radiance import TRANSFERS


@dataclass(frozen=True)
class DayBasisConfig:
    """How the basis of a day is found.

    Attributes:
        q_step: Width of a quantizer bin that the basis is made for, in codes; packing may use another near it.
        tile: Side of the independent tiles, texels.
        n_levels: Levels of the wavelet pyramid.
        rotate: Find the sparse rotation; without it the basis is the plain KLT.
        reweight: Trial codings of linear radiance that set the weights of its times; each trades SSIM of busy times for
            bytes at the same tiled PSNR.
        transfer: Domain in which linear radiance is coded, see radiance.py; 8-bit frames are coded as they are.
        max_classes: Regional rotations at most; 1 does without, and 16 gain no more than 12.
    """

    q_step: float = 16.0
    tile: int = 512
    n_levels: int = 5
    rotate: bool = True
    max_classes: int = 12
    transfer: str = "gamma"
    reweight: int = 1

    def __post_init__(self) -> None:
        for name, fits, expected in (
            ("q-step", 0.05 <= self.q_step <= 1e6, "a number in 0.05..1e6"),
            ("tile", 8 <= self.tile <= 1 << 14, "8..16384"),
            ("levels", 1 <= self.n_levels <= 12, "1..12"),
            ("max-classes", 1 <= self.max_classes <= 256, "1..256"),
            ("reweight", 0 <= self.reweight <= 16, "0..16"),
            ("transfer", self.transfer in TRANSFERS, f"one of {', '.join(TRANSFERS)}"),
        ):
            if not fits:
                raise ConfigError(f"--{name}: expected {expected}, found {getattr(self, _FIELDS[name])}")

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return dataclasses.asdict(self)


_FIELDS = {"q-step": "q_step", "tile": "tile", "levels": "n_levels", "max-classes": "max_classes",
           "transfer": "transfer", "reweight": "reweight"}  # fmt: skip


@dataclass(frozen=True)
class DayBasisPackOptions:
    """How to code.

    Attributes:
        rd_weight: Squared steps that one bit is worth in rounding; 0 rounds plainly.
        entropy: "ans" or "zstd".
        smoothing: Smooth the decoded maps; None: only where a refinement asks for it (opening takes longer with it).
    """

    rd_weight: float = RD_WEIGHT
    entropy: str = "ans"
    smoothing: bool | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.rd_weight <= 100.0:
            raise PackError(f"--rd-weight: expected a number in 0..100, found {self.rd_weight:g}")


def stored_step(q_step: float) -> float:
    """The step as the archive keeps it: the shortest text of the nearest float32."""
    return float(str(np.float32(q_step)))
