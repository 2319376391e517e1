"""The contest's score: measures to points by the ranges and weights of a `scorer.toml`."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import EvalError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_SCORER = Path(__file__).with_name("scorer.toml")
MEASURES = ("psnr_db", "ssim", "lpips", "time_s", "ratio_percent")
FIELDS = ("best", "worst", "weight")
FULL_POINTS = 100.0


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
        found = ((self.ranges[name], measures[name]) for name in MEASURES)
        return math.fsum(span.score(value) for span, value in found if value is not None)

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
        tables = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise EvalError(f"{source}: cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
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
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise EvalError(f"{source}: {name}.{field}: expected a finite number, found {value!r}")
        ranges[name] = Range(float(table["best"]), float(table["worst"]), float(table["weight"]))
        if ranges[name].best == ranges[name].worst or ranges[name].weight < 0:
            raise EvalError(f"{source}: {name}: expected best and worst to differ and weight >= 0, found {table}")
    return Scorer(ranges)
