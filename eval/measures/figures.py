"""PSNR, SSIM and LPIPS of frames, one after another: one figure each for 8-bit codes, one per tile for radiance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .frames import with_original_outside
from .metrics import psnr_linear_tiles_db, psnr_srgb_db
from .perceptual import Lpips, lpips_linear_tiles
from .ssim import ssim, ssim_linear_tiles
from .tiles import mean_or_nan


@dataclass
class Figures:
    """Figures in the order in which they were measured.

    Attributes:
        psnr_db: Decibels; infinite where a frame or tile is exact.
        ssim: Of radiance, fewer where tiles are under 11 texels a side or constant.
        lpips: Of radiance, fewer where tiles are under 31 texels a side; none without weights.
    """

    psnr_db: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    lpips: list[float] = field(default_factory=list)

    def add_frame(
        self, original: np.ndarray, reconstruction: np.ndarray, valid: np.ndarray, lpips: Lpips | None
    ) -> None:
        """Measure one lightmap at one time; without a valid texel there is nothing to measure.

        Args:
            original: (H, W, 3) uint8 codes or float32 linear radiance.
            reconstruction: Same shape and type; where it is invalid, codes count as the original's, radiance as zero.
            valid: (H, W) bool.
            lpips: The measure, or None.
        """
        if not valid.any():
            return
        if original.dtype.kind == "f":
            add_linear_frames([self], original, [reconstruction], valid, lpips)
            return
        self.psnr_db.append(psnr_srgb_db(original, reconstruction, valid))
        self.ssim.append(ssim(original, reconstruction, valid))
        if lpips is not None:
            self.lpips.append(lpips.distance(original, with_original_outside(original, reconstruction, valid)))

    def means(self) -> tuple[float, float, float | None]:
        """Plain means of PSNR, SSIM and LPIPS: NaN where there is nothing to average, None for LPIPS."""
        return mean_or_nan(self.psnr_db), mean_or_nan(self.ssim), mean_or_nan(self.lpips) if self.lpips else None

    def extend(self, other: Figures) -> None:
        """Take over the figures of another frame or lightmap."""
        self.psnr_db += other.psnr_db
        self.ssim += other.ssim
        self.lpips += other.lpips


def add_linear_frames(
    figures: Sequence[Figures],
    original: np.ndarray,
    reconstructions: Sequence[np.ndarray],
    valid: np.ndarray,
    lpips: Lpips | None,
) -> None:
    """`Figures.add_frame` of several reconstructions of one frame of radiance, each to its own figures."""
    if not valid.any():
        return
    for of_one, reconstruction in zip(figures, reconstructions, strict=True):
        of_one.psnr_db += psnr_linear_tiles_db(original, reconstruction, valid)
        of_one.ssim += ssim_linear_tiles(original, reconstruction, valid)
    if lpips is not None:
        for of_one, row in zip(figures, lpips_linear_tiles(lpips, original, reconstructions, valid), strict=True):
            of_one.lpips += row
