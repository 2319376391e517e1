"""Configuration of the refinement."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from todpack.decompressor.daybasis.transform.smoothing import WEIGHT_SCALE, Smoothing

from ...configuration import check, option, require


@dataclass(frozen=True)
class RefineConfig:
    """How the codes are refined; symbols as in this package's docstring."""

    n_sweeps: int = option(8, 1, 1000, flag="", help="Visits of every code.")
    rd_weight: float = option(0.2, 0.0, 10.0, flag="", help="Squared steps that one bit is worth.")
    context_gain: float = option(
        1.5, 0.0, 10.0, flag="", help="Factor on what a magnitude costs the codes after it; 0 ignores that."
    )
    energy_floor: float = option(
        16.0, 1.0, 1e4, flag="", help="Added to context energies where slopes are taken, which are steep near 0."
    )
    gain_spread: float = option(
        0.35, 0.0, 0.5, flag="", help="Steps of dense components are coarser by up to this share."
    )
    smoothing_bound: float = option(
        0.375, 0.0, 10.0, flag="", help="Bound of the decoder's smoothing in steps; 0 does without."
    )
    smoothing_weight: float = option(
        13 / 64, 0.0, 0.25, flag="", help="Share of a difference that a texel moves, in multiples of 1/64."
    )
    temporal_weight: float = option(
        0.0, 0.0, 10.0, flag="", help="Of changes of the error from frame to frame, against squared errors."
    )
    equal_db: bool = option(False, help="Weigh the hours by their errors, towards one PSNR.")

    def __post_init__(self) -> None:
        check(self)
        units = self.smoothing_weight * WEIGHT_SCALE
        require(units == round(units), "smoothing_weight", "a multiple of 1/64", self.smoothing_weight)

    @property
    def smoothing(self) -> Smoothing | None:
        """As the archive stores it."""
        if not self.smoothing_bound or not self.smoothing_weight:
            return None
        return Smoothing(self.smoothing_bound, (self.smoothing_weight, self.smoothing_weight))

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


PRESETS = {"fast": RefineConfig(), "full": RefineConfig(n_sweeps=24)}
