"""Figures of repeated trials: mean and deviation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def mean_and_deviation(values: Sequence[float]) -> dict[str, float | None]:
    """`mean` and `deviation` of repeated trials: the sample standard deviation, which a single one does not have."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "deviation": deviation}


def with_deviation(values: Sequence[float], digits: int) -> str:
    """Repeated trials as text: "41.20 ± 0.03", or "41.20" of a single one."""
    both = mean_and_deviation(values)
    spread = "" if both["deviation"] is None else f" ± {both['deviation']:.{digits}f}"
    return f"{both['mean']:.{digits}f}{spread}"
