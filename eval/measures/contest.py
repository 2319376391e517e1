"""The contest's measures over a dataset: plain means over lightmaps, times and tiles. docs/contest.md "Measures"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..tables import columns, finite
from .contest_score import FULL_POINTS, MEASURES, Scorer
from .figures import Figures
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


def ratio_percent(n_bytes: int, n_texels: int) -> float:
    """Bytes over those of 24 hours of float32 RGB, in percent."""
    return 100.0 * n_bytes / (RAW_BYTES_PER_TEXEL * n_texels)


def measures_of(figures: Figures, time_s: float, n_bytes: int, n_texels: int) -> dict[str, float | None]:
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
    rows = []
    for name in MEASURES:
        label, unit, style = LABELS[name]
        value, span = measures[name], scorer.ranges[name]
        if value is None:
            found = ("absent", "-", f"- of {span.weight:g}")
        else:
            text = f"{value:{style}} {unit:<2}"
            found = (text, f"{span.points(value):.2f}", f"{span.score(value):.4f} of {span.weight:g}")
        rows.append((label, *found))
    rows.append(("score", "", "", f"{scorer.score(measures):.4f} of {scorer.reachable(measures):g}"))
    lines = columns(("measure", "value", "points", "score"), rows)
    if measures["lpips"] is None:
        lines.append(f"LPIPS is absent: {lpips_absent or 'no tile is large enough'}")
    return "\n".join(lines)


def score_json(measures: Mapping[str, float | None], scorer: Scorer) -> dict[str, Any]:
    """Measures, points and score for a report; what is absent or not finite is null."""
    return {
        "measures": {k: finite(v) for k, v in measures.items()},
        "points": {k: None if v is None else scorer.ranges[k].points(v) for k, v in measures.items()},
        "full_points": FULL_POINTS,
        "score": scorer.score(measures),
        "reachable": scorer.reachable(measures),
    }
