"""Ranges of the grids after training: all values, or the share of them that decodes best on the validation frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from .fake_quantize import affine_of
from .model import GridMlp
from .validation import Validation

PERCENTILES = (100.0, 99.99, 99.95, 99.9, 99.5)


@dataclass(frozen=True)
class Calibration:
    """The share of values inside the ranges, in percent, and (2, C) scales and zero points per level."""

    percentile: float
    affines: dict[int, Tensor]


def calibrate(model: GridMlp, levels: Iterable[int], validation: Validation | None) -> Calibration:
    """Find the ranges.

    Args:
        model: Trained model; it is not changed.
        levels: Levels to quantise.
        validation: What tells the best of `PERCENTILES`; None takes min..max.
    """
    chosen = tuple(levels)
    before = model.affines
    best, best_db = None, float("-inf")
    for percentile in PERCENTILES if validation is not None else PERCENTILES[:1]:
        affines = {level: affine_of(model.level(level), percentile) for level in chosen}
        model.affines = affines
        psnr_db = validation.psnr_db(model) if validation is not None else 0.0
        if psnr_db > best_db:
            best, best_db = Calibration(percentile, affines), psnr_db
    model.affines = before
    assert best is not None  # PSNR is a number, so the first is better than nothing
    return best
