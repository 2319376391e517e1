"""The contest's measures over a dataset (plain means over lightmaps, times and tiles), and the score they give.

Source: docs/contest.md "Measures" and "Score".
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from todpack.decompressor.json_fields import is_number, read_shallow

from ..errors import EvalError
from ..tables import columns, finite
from .figures import Figures

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_SCORER = Path(__file__).with_name("scorer.toml")
MEASURES = ("psnr_db", "ssim", "lpips", "time_s", "ratio_percent")
FIELDS = ("best", "worst", "weight")
LARGEST = 1e9
FULL_POINTS = 100.0
RAW_BYTES_PER_TEXEL = 3 * 4 * 24
"""What the ratio compares with: float32 RGB at 24 hours, whatever is stored."""

LABELS = {
    "psnr_db": ("PSNR", "dB", ".3f"),
    "ssim": ("SSIM", "", ".5f"),
    "lpips": ("LPIPS", "", ".6f"),
    "time_s": ("time", "s", ".4f"),
    "ratio_percent": ("ratio", "%", ".4f"),
}


@dataclass(frozen=True)
class Range:
    """How one measure counts.

    Attributes:
        best: Gives 100 points; anything beyond gives no more.
        worst: Gives 0.
        weight: Score of 100 points.
    """

    best: float
    worst: float
    weight: float

    def points(self, value: float) -> float:
        """0..100, linear between worst and best and clipped; 0 for NaN."""
        if math.isnan(value):
            return 0.0
        share = (value - self.worst) / (self.best - self.worst)
        return FULL_POINTS * min(1.0, max(0.0, share))

    def score(self, value: float) -> float:
        """0..weight."""
        return self.weight * self.points(value) / FULL_POINTS


@dataclass(frozen=True)
class Scorer:
    """Ranges by measure, in the order of MEASURES."""

    ranges: Mapping[str, Range]

    def score(self, measures: Mapping[str, float | None]) -> float:
        """The weighted sum; a measure that is None (LPIPS without weights) gives nothing."""
        weighed = ((self.ranges[name], measures[name]) for name in MEASURES)
        return math.fsum(span.score(value) for span, value in weighed if value is not None)

    def reachable(self, measures: Mapping[str, float | None]) -> float:
        """The weights of the measures that are there."""
        return math.fsum(self.ranges[name].weight for name in MEASURES if measures[name] is not None)


def read_scorer(path: Path | None = None) -> Scorer:
    """Read ranges and weights.

    Args:
        path: A TOML file with a table of best, worst and weight for each of MEASURES; None is the contest's.

    Raises:
        EvalError: it cannot be read, or a field is missing, unknown or not a usable number.
    """
    source = DEFAULT_SCORER if path is None else path
    try:
        tables = read_shallow(source, tomllib.loads)
    except OSError as error:
        raise EvalError(f"{source}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise EvalError(f"{source}: expected TOML, found something else: {error}") from error
    if set(tables) != set(MEASURES):
        odd = sorted(set(tables) ^ set(MEASURES))[0]
        raise EvalError(f"{source}: expected one table for each of {', '.join(MEASURES)}, found a difference in {odd}")
    ranges = {}
    for name in MEASURES:
        table = tables[name]
        if not isinstance(table, dict) or set(table) != set(FIELDS):
            raise EvalError(f"{source}: {name}: expected the fields {', '.join(FIELDS)}, found {table!r}")
        for field, value in table.items():
            if not is_number(value):
                raise EvalError(f"{source}: {name}.{field}: expected a finite number, found {value!r}")
            if abs(value) > LARGEST:
                raise EvalError(f"{source}: {name}.{field}: expected a number up to {LARGEST:g}, found {value!r}")
        ranges[name] = Range(float(table["best"]), float(table["worst"]), float(table["weight"]))
        if ranges[name].best == ranges[name].worst or ranges[name].weight < 0:
            raise EvalError(f"{source}: {name}: expected best and worst to differ and weight >= 0, found {table}")
    return Scorer(ranges)


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
    values = (*figures.means(), time_s, ratio_percent(n_bytes, n_texels))
    return dict(zip(MEASURES, values, strict=True))


def score_table(measures: Mapping[str, float | None], scorer: Scorer, lpips_absent: str | None = None) -> str:
    """Measures, points and score as lines."""
    rows = []
    for name in MEASURES:
        label, unit, style = LABELS[name]
        value, span = measures[name], scorer.ranges[name]
        if value is None:
            cells = ("absent", "-", f"- of {span.weight:g}")
        else:
            text = f"{value:{style}} {unit:<2}"
            cells = (text, f"{span.points(value):.2f}", f"{span.score(value):.4f} of {span.weight:g}")
        rows.append((label, *cells))
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
