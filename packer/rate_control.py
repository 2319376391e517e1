"""Find the quantizer step that meets a target, on really packed archives.

The rule: a PSNR target gives the smallest archive that has at least that PSNR, a size target the best archive that is
at most that large, of the steps that were tried. The trials close in on the target until it is met within a tolerance,
or until neighboring steps lie on both sides of it: where the curve itself jumps, the side that keeps the promise is
taken. A day without light has no PSNR (NaN) and meets any target.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol, TypeVar

from .errors import PackError

MIN_STEP, MAX_STEP = 0.05, 1024.0
MAX_TRIALS = 14
PSNR_TOLERANCE_DB = 0.05  # above the target
SIZE_TOLERANCE = 0.008  # of the target, below it
NEIGHBORS = 0.008  # octaves between steps that count as neighbors: a smooth curve changes by less than the tolerances
FIRST_STEP = 16.0
SLOW_TRIALS = 4
"""Then moves along a slope that was guessed double: the curve is flatter."""
AIM = 0.4  # share of the tolerance that is aimed at beyond the target, whose other side does not count
NEAR_DB, NEAR_SIZE = 0.3, 0.05  # from where the slope leads to the target
MAX_APPROACHES = 3
PSNR_PER_OCTAVE_DB = -4.3  # first guess of the slopes, from the courtyard
LOG_SIZE_PER_OCTAVE = -0.45
CEILING_DB = 99.0  # stands for a lossless result


class Trial(Protocol):
    """What was encoded at a step."""

    @property
    def q_step(self) -> float:
        """The step."""

    @property
    def size_bytes(self) -> int:
        """Of the file."""

    @property
    def psnr_db(self) -> float:
        """Against the original."""


AnyTrial = TypeVar("AnyTrial", bound=Trial)


def check_targets(target_psnr_db: float | None, target_size_bytes: int | None) -> None:
    """Refuse targets that cannot be meant.

    Raises:
        PackError: both at once, or one out of range.
    """
    if target_psnr_db is not None and target_size_bytes is not None:
        raise PackError("--target-psnr, --target-size: expected one of them, found both")
    if target_psnr_db is not None and not 0.0 < target_psnr_db <= 99.0:
        raise PackError(f"--target-psnr: expected dB in (0, 99], found {target_psnr_db:g}")
    if target_size_bytes is not None and target_size_bytes < 1:
        raise PackError(f"--target-size: expected bytes >= 1, found {target_size_bytes}")


def first_step(target_psnr_db: float) -> float:
    """A step that is likely to be near a target."""
    octaves = (target_psnr_db - 42.0) / PSNR_PER_OCTAVE_DB
    return min(max(FIRST_STEP * math.pow(2.0, octaves), MIN_STEP), MAX_STEP)


def search_step(
    pack: Callable[[float], AnyTrial],
    target_psnr_db: float | None,
    target_size_bytes: int | None,
    start: float = FIRST_STEP,
) -> AnyTrial:
    """Pack at the step that meets a target: secant steps within a shrinking bracket, on the logarithm of the step.

    Args:
        pack: Packs at a step; PSNR and size fall with it, smoothly or in jumps.
        target_psnr_db: The least PSNR; or None.
        target_size_bytes: The largest size; or None.
        start: Where to begin.

    Returns:
        The archive that the module's rule names.

    Raises:
        PackError: no step in MIN_STEP..MAX_STEP keeps the target; the message has the nearest there is.
    """
    by_psnr = target_psnr_db is not None
    goal = float(target_psnr_db) if target_psnr_db is not None else math.log(float(target_size_bytes or 1))
    slope = PSNR_PER_OCTAVE_DB if by_psnr else LOG_SIZE_PER_OCTAVE

    def height(day: AnyTrial) -> float:
        return min(day.psnr_db, CEILING_DB) if by_psnr else math.log(day.size_bytes)

    def is_allowed(value: float) -> bool:
        return value >= goal if by_psnr else value <= goal

    def rank(day: AnyTrial) -> tuple[float, float]:
        return (-day.size_bytes, day.psnr_db) if by_psnr else (day.psnr_db, -day.size_bytes)

    tolerance = PSNR_TOLERANCE_DB if by_psnr else SIZE_TOLERANCE
    aim = goal + AIM * (tolerance if by_psnr else -tolerance)
    low: tuple[float, float] | None = None  # (log2 step, height) with height above the goal
    high: tuple[float, float] | None = None  # ... at or below it
    allowed: list[AnyTrial] = []
    nearest: AnyTrial | None = None
    at, moved = math.log2(start), 0.0
    for number in range(MAX_TRIALS):
        day = pack(max(2.0**at, MIN_STEP))
        value = height(day)
        if math.isnan(value):
            return day
        if nearest is None or abs(value - goal) < abs(height(nearest) - goal):
            nearest = day
        if is_allowed(value):
            allowed.append(day)
            if abs(value - goal) <= tolerance:
                break
        width = math.inf if low is None or high is None else high[0] - low[0]
        if value > goal:
            low = (at, value)
        else:
            high = (at, value)
        if low is not None and high is not None and high[0] - low[0] <= NEIGHBORS:
            break
        least = 2 * moved if number >= SLOW_TRIALS else 0.0
        following = _next_step(low, high, aim, slope, width, least)
        following = min(max(following, math.log2(MIN_STEP)), math.log2(MAX_STEP))
        if following == at:
            break
        at, moved = following, abs(following - at)
    for day in sorted(allowed, key=rank, reverse=True):
        if is_allowed(height(day)):  # to be measured it was read back, and filled up if it had to be
            return day
    assert nearest is not None
    wanted = f"--target-psnr: {target_psnr_db:g} dB" if by_psnr else f"--target-size: {target_size_bytes} bytes"
    raise PackError(
        f"{wanted} cannot be met; the nearest is {nearest.psnr_db:.2f} dB in {nearest.size_bytes} bytes "
        f"(--q-step {nearest.q_step:g})"
    )


def approach_step(
    pack: Callable[[float], Trial], target_psnr_db: float | None, target_size_bytes: int | None, start: float
) -> float:
    """A step near a target, by a few trials that are not kept: where a search of dearer ones begins.

    Args:
        pack: Packs at a step.
        target_psnr_db: The least PSNR; or None.
        target_size_bytes: The largest size; or None.
        start: Where to begin.
    """
    by_psnr = target_psnr_db is not None
    goal = float(target_psnr_db) if target_psnr_db is not None else math.log(float(target_size_bytes or 1))
    slope, near = (PSNR_PER_OCTAVE_DB, NEAR_DB) if by_psnr else (LOG_SIZE_PER_OCTAVE, NEAR_SIZE)
    at, before = math.log2(start), None
    for _ in range(MAX_APPROACHES):
        day = pack(max(2.0**at, MIN_STEP))
        if by_psnr and math.isnan(day.psnr_db):
            break
        value = min(day.psnr_db, CEILING_DB) if by_psnr else math.log(day.size_bytes)
        if before is not None and before[0] != at:
            found = (value - before[1]) / (at - before[0])
            slope = min(max(found, 2 * slope), slope / 2)  # it is negative
        before, gap = (at, value), goal - value
        at += min(max(gap / slope, -3.0), 3.0)
        at = min(max(at, math.log2(MIN_STEP)), math.log2(MAX_STEP))
        if abs(gap) <= near:
            break
    return max(float(2.0**at), MIN_STEP)


def _next_step(
    low: tuple[float, float] | None,
    high: tuple[float, float] | None,
    goal: float,
    slope: float,
    width_before: float,
    least: float,
) -> float:
    """Where to try next.

    Within a bracket the secant between its ends, kept off them, or the middle where the last trial narrowed the bracket
    by less than half (at a jump the secant creeps); outside of one along the slope, by `least` at least.
    """
    if low is None or high is None:
        end = low or high
        assert end is not None
        move = (goal - end[1]) / slope
        return end[0] + math.copysign(min(max(abs(move), NEIGHBORS, least), 3.0), move)
    width = high[0] - low[0]
    if width > width_before / 2 and math.isfinite(width_before):
        return low[0] + width / 2
    share = (low[1] - goal) / max(low[1] - high[1], 1e-12)
    return low[0] + width * min(max(share, 0.05), 0.95)
