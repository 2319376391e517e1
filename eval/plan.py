"""What measuring a level takes, told before it is begun."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from todpack.frames import DatasetEntry
from todpack.packer.progress import duration_text, texels_text

SCORE_S, SCORE_LPIPS_S = 0.45e-6, 1.2e-6
"""Seconds of a core for each texel and time of `eval score` (0.4 measured), and for LPIPS besides (1.1)."""
CHECK_S, CHECK_LPIPS_S = 0.35e-6, 0.4e-6
"""The same of `submit check --layout contest`."""
START_S = 3.0
DAYS_HELD = 3  # of the largest lightmap, as float32: the original, what was decoded, and work


@dataclass(frozen=True)
class MeasuringPlan:
    """What will be done.

    Attributes:
        n_lightmaps: In all.
        n_texels: Of them.
        n_hours: Stored times.
        seconds: Of one core, a guess.
        memory_bytes: Of the largest lightmap, an estimate.
    """

    n_lightmaps: int
    n_texels: int
    n_hours: int
    seconds: float
    memory_bytes: int

    def line(self) -> str:
        """For people."""
        lightmaps = f"{self.n_lightmaps} lightmap{'s' if self.n_lightmaps > 1 else ''}"
        return (
            f"{lightmaps}, {texels_text(self.n_texels)} at {self.n_hours} times: about "
            f"{duration_text(self.seconds)}, up to {self.memory_bytes / 1e9:.1f} GB of memory"
        )


def measuring_plan(entries: Iterable[DatasetEntry], value_s: float) -> MeasuringPlan:
    """The plan for lightmaps that are measured one after another.

    Args:
        entries: At least one.
        value_s: Seconds for each texel and time.
    """
    known = list(entries)
    sizes = [entry.width * entry.height for entry in known]
    n_hours = len(known[0].hours)
    memory = (300 << 20) + DAYS_HELD * 12 * n_hours * max(sizes)
    return MeasuringPlan(len(known), sum(sizes), n_hours, START_S + value_s * sum(sizes) * n_hours, memory)


def kilotexels(entry: DatasetEntry) -> int:
    """Of a lightmap, at least 1: the steps in which progress is told, so that the time left follows the work."""
    return max(1, entry.width * entry.height // 1000)
