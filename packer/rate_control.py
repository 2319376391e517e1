"""Find the quantiser step that meets a target, on really packed archives."""

from __future__ import annotations

import math
from collections.abc import Callable

from packer.daybasis.pack import PackedDay
from packer.errors import PackError

MIN_STEP, MAX_STEP = 0.25, 1024.0
MAX_TRIALS = 14
PSNR_TOLERANCE_DB = 0.03
SIZE_TOLERANCE = 0.008  # of the target, below it
FIRST_STEP = 16.0
PSNR_PER_OCTAVE_DB = -4.3  # first guess of the slopes, from the courtyard
LOG_SIZE_PER_OCTAVE = -0.45
CEILING_DB = 99.0  # stands for a lossless result

Pack = Callable[[float], PackedDay]


def first_step(target_psnr_db: float) -> float:
    """A step that is likely to be near a target."""
    octaves = (target_psnr_db - 42.0) / PSNR_PER_OCTAVE_DB
    return min(max(FIRST_STEP * math.pow(2.0, octaves), MIN_STEP), MAX_STEP)


def search_step(
    pack: Pack, target_psnr_db: float | None, target_size_bytes: int | None, start: float = FIRST_STEP
) -> PackedDay:
    """Pack at the step that meets a target: secant steps within a shrinking bracket, on the logarithm of the step.

    Args:
        pack: Packs at a step; PSNR and size fall with it.
        target_psnr_db: Wanted PSNR, met within 0.05 dB; or None.
        target_size_bytes: Wanted size, met within 1 % and never exceeded where a step allows; or None.
        start: Where to begin.

    Returns:
        The archive that meets the target; a lossless one where nothing worse can be had.

    Raises:
        PackError: it cannot be met; the message has the nearest that can.
    """
    by_psnr = target_psnr_db is not None
    goal = float(target_psnr_db) if target_psnr_db is not None else math.log(float(target_size_bytes or 1))
    slope = PSNR_PER_OCTAVE_DB if by_psnr else LOG_SIZE_PER_OCTAVE

    def height(day: PackedDay) -> float:
        return min(day.psnr_db, CEILING_DB) if by_psnr else math.log(day.size_bytes)

    def is_met(value: float) -> bool:
        if by_psnr:
            return abs(value - goal) <= PSNR_TOLERANCE_DB
        return goal - SIZE_TOLERANCE <= value <= goal

    low: tuple[float, float] | None = None  # (log2 step, height) with height above the goal
    high: tuple[float, float] | None = None  # ... at or below it
    best: PackedDay | None = None
    under: PackedDay | None = None  # the largest at or below the goal
    at = math.log2(start)
    for _ in range(MAX_TRIALS):
        day = pack(2.0**at)
        value = height(day)
        if value <= goal and (under is None or value > height(under)):
            under = day
        if best is None or abs(value - goal) < abs(height(best) - goal):
            best = day
        if is_met(value):
            return day
        if value > goal:
            low = (at, value)
        else:
            high = (at, value)
        at = _next_step(low, high, goal, slope)
        if not math.log2(MIN_STEP) <= at <= math.log2(MAX_STEP):
            edge = min(max(at, math.log2(MIN_STEP)), math.log2(MAX_STEP))
            if (low is not None and low[0] == edge) or (high is not None and high[0] == edge):
                break
            at = edge
    assert best is not None
    if by_psnr and (abs(height(best) - goal) <= 0.05 or (high is None and math.isinf(best.psnr_db))):
        return best  # met, or a day so plain that every step is lossless
    if not by_psnr and under is not None and (height(under) >= goal - 0.01 or low is None):
        return under  # within 1 % below, or everything fits and the finest step is taken
    wanted = f"--target-psnr: {target_psnr_db:g} dB" if by_psnr else f"--target-size: {target_size_bytes} bytes"
    raise PackError(
        f"{wanted} cannot be met; the nearest is {best.psnr_db:.2f} dB in {best.size_bytes} bytes "
        f"(--q-step {best.q_step:g})"
    )


def _next_step(low: tuple[float, float] | None, high: tuple[float, float] | None, goal: float, slope: float) -> float:
    """Where to try next: the secant between the bracket's ends, kept off them; outside of a bracket along the slope."""
    if low is None or high is None:
        end = low or high
        assert end is not None
        move = (goal - end[1]) / slope
        return end[0] + math.copysign(min(max(abs(move), 0.02), 3.0), move)
    width = high[0] - low[0]
    share = (low[1] - goal) / max(low[1] - high[1], 1e-12)
    return low[0] + width * min(max(share, 0.05), 0.95)
