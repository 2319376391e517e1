"""The contest's measures over a dataset: per lightmap, time and tile, plain means. ../shared/HPRC.md "Measures"."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .contest_score import FULL_POINTS, MEASURES, Scorer
from .lpips_network import Lpips
from .metrics import psnr_linear_tiles_db
from .perceptual import lpips_linear_tiles
from .ssim import ssim_linear_tiles
from .tiles import mean_or_nan

RAW_BYTES_PER_TEXEL = 3 * 4 * 24
"""What the ratio compares with: float32 RGB at 24 hours, whatever is stored."""

LABELS = {
    "psnr_db": ("PSNR", "dB", ".3f"),
    "ssim": ("SSIM", "", ".5f"),
    "lpips": ("LPIPS", "", ".6f"),
    "time_s": ("time", "s", ".4f"),
    "ratio_percent": ("ratio", "%", ".4f"),
}


@dataclass
class TileFigures:
    """Figures of the tiles that take part, in the order they were measured.

    Attributes:
        psnr_db: Decibels; infinite where a tile is exact.
        ssim: Fewer where tiles are under 11 texels a side or constant.
        lpips: Fewer where tiles are under 31 texels a side; none without weights.
    """

    psnr_db: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    lpips: list[float] = field(default_factory=list)

    def add_frame(
        self, original: np.ndarray, reconstruction: np.ndarray, valid: np.ndarray, lpips: Lpips | None
    ) -> None:
        """Measure all tiles of one lightmap at one time.

        Args:
            original: (H, W, 3) float32 linear radiance.
            reconstruction: Same shape; taken as zero in the invalid texels.
            valid: (H, W) bool.
            lpips: The measure, or None.
        """
        if not valid.any():
            return
        self.psnr_db += psnr_linear_tiles_db(original, reconstruction, valid)
        self.ssim += ssim_linear_tiles(original, reconstruction, valid)
        if lpips is not None:
            self.lpips += lpips_linear_tiles(lpips, original, reconstruction, valid)

    def extend(self, other: TileFigures) -> None:
        """Take over another lightmap's figures."""
        self.psnr_db += other.psnr_db
        self.ssim += other.ssim
        self.lpips += other.lpips


def ratio_percent(n_bytes: int, n_texels: int) -> float:
    """Bytes over those of 24 hours of float32 RGB, in percent."""
    return 100.0 * n_bytes / (RAW_BYTES_PER_TEXEL * n_texels)


def measures_of(figures: TileFigures, time_s: float, n_bytes: int, n_texels: int) -> dict[str, float | None]:
    """The dataset's measures, by the names of `MEASURES`.

    Args:
        figures: Of all lightmaps and times.
        time_s: Sum of all reconstruct and get_result calls.
        n_bytes: Of Parameters/.
        n_texels: H * W summed over the lightmaps.
    """
    return {
        "psnr_db": mean_or_nan(figures.psnr_db),
        "ssim": mean_or_nan(figures.ssim),
        "lpips": mean_or_nan(figures.lpips) if figures.lpips else None,
        "time_s": time_s,
        "ratio_percent": ratio_percent(n_bytes, n_texels),
    }


def score_table(measures: Mapping[str, float | None], scorer: Scorer, lpips_absent: str | None = None) -> str:
    """Measures, points and score as lines."""
    lines = [f"{'measure':<8}{'value':>14}   {'points':>7}  {'score':>8}"]
    for name in MEASURES:
        label, unit, style = LABELS[name]
        value, span = measures[name], scorer.ranges[name]
        if value is None:
            lines.append(f"{label:<8}{'absent':>14}   {'-':>7}  {'-':>8} of {span.weight:g}")
        else:
            text = f"{value:{style}} {unit:<2}"
            lines.append(
                f"{label:<8}{text:>14}   {span.points(value):7.2f}  {span.score(value):8.4f} of {span.weight:g}"
            )
    lines.append(f"{'score':<8}{'':>14}   {'':>7}  {scorer.score(measures):8.4f} of {scorer.reachable(measures):g}")
    if measures["lpips"] is None:
        lines.append(f"LPIPS is absent: {lpips_absent or 'no tile is large enough'}")
    return "\n".join(lines)


def score_json(measures: Mapping[str, float | None], scorer: Scorer) -> dict[str, Any]:
    """Measures, points and score for a report; what is absent or not finite is null."""
    return {
        "measures": {k: v if v is not None and math.isfinite(v) else None for k, v in measures.items()},
        "points": {k: None if v is None else scorer.ranges[k].points(v) for k, v in measures.items()},
        "full_points": FULL_POINTS,
        "score": scorer.score(measures),
        "reachable": scorer.reachable(measures),
    }
