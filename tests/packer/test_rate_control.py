"""The search for a step: on made-up curves with known answers, and on a real day."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REPOSITORY, make_day
from todpack.frames import Day, read_day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day
from todpack.packer.daybasis.native import kernels
from todpack.packer.daybasis.refine.refiner import refiner
from todpack.packer.errors import PackError
from todpack.packer.rate_control import MAX_STEP, MAX_TRIALS, MIN_STEP, search_step


@dataclass(frozen=True)
class Step:
    """What a made-up codec gives at a step."""

    q_step: float
    size_bytes: int
    psnr_db: float


class Curve:
    """A codec with PSNR = 60 - 4 log2(step) - 0.3 sin(3 log2 step), size = 400 kB * step^-0.6 in steps of 37 bytes."""

    def __init__(self) -> None:
        self.steps: list[float] = []

    def __call__(self, q_step: float) -> Step:
        self.steps.append(q_step)
        octave = math.log2(q_step)
        psnr_db = 60.0 - 4.0 * octave - 0.3 * math.sin(3.0 * octave)
        size = 37 * round(400_000 * q_step**-0.6 / 37)
        return Step(q_step, size, psnr_db)


class Jumps(Curve):
    """The same codec where steps act in whole octaves only: PSNR jumps by about 4 dB, sizes by a third."""

    def __call__(self, q_step: float) -> Step:
        day = super().__call__(2.0 ** math.floor(math.log2(q_step)))
        return replace(day, q_step=q_step)


@pytest.mark.parametrize("target", [25.0, 38.5, 42.0, 47.3, 60.0, 66.0])
def test_psnr_is_met_and_not_missed(target: float) -> None:
    curve = Curve()
    assert target <= search_step(curve, target, None).psnr_db <= target + 0.05
    assert len(curve.steps) <= MAX_TRIALS


@pytest.mark.parametrize("target", [8_000, 55_555, 100_000, 250_000, 800_000])
def test_size_is_met_and_not_exceeded(target: int) -> None:
    day = search_step(Curve(), None, target)
    assert 0.99 * target <= day.size_bytes <= target


@pytest.mark.parametrize("target", [30.0, 44.97, 45.03, 52.0])
def test_at_a_jump_the_smallest_archive_with_at_least_the_psnr(target: float) -> None:
    jumps = Jumps()
    day = search_step(jumps, target, None)
    octave = next(n for n in range(9, -3, -1) if Jumps()(2.0**n).psnr_db >= target)
    assert (day.psnr_db, day.size_bytes) == (Jumps()(2.0**octave).psnr_db, Jumps()(2.0**octave).size_bytes)
    assert len(jumps.steps) <= MAX_TRIALS


@pytest.mark.parametrize("short_by", [1, 50, 20_000])
def test_at_a_jump_the_best_archive_that_is_not_larger(short_by: int) -> None:
    """A size just under a step of the curve takes the step below."""
    edge, below = Jumps()(8.0), Jumps()(16.0)
    jumps = Jumps()
    day = search_step(jumps, None, edge.size_bytes - short_by)
    assert (day.psnr_db, day.size_bytes) == (below.psnr_db, below.size_bytes)
    assert search_step(Jumps(), None, edge.size_bytes).size_bytes == edge.size_bytes
    assert len(jumps.steps) <= MAX_TRIALS


class Filled:
    """What is filled up to 1800 bytes when it is read back to be measured."""

    def __init__(self, q_step: float, size_bytes: int) -> None:
        self.q_step, self.size_bytes = q_step, size_bytes

    @property
    def psnr_db(self) -> float:
        """As of the curve."""
        self.size_bytes = max(self.size_bytes, 1800)
        return 60.0 - 4.0 * math.log2(self.q_step)


@pytest.mark.parametrize(("target", "is_met"), [(900, False), (1799, False), (1800, True)])
def test_a_size_is_that_of_the_file_that_is_filled_up(target: int, is_met: bool) -> None:
    def pack(q_step: float) -> Filled:
        return Filled(q_step, round(4000 * q_step**-0.6))

    if is_met:
        assert search_step(pack, None, target).size_bytes == target
    else:
        with pytest.raises(PackError, match=rf"{target} bytes cannot be met; the nearest is .* dB in 1800 bytes"):
            search_step(pack, None, target)


def test_a_flat_curve_is_followed_to_its_end() -> None:
    """Few bytes of coefficients beside those that no step changes."""

    def pack(q_step: float) -> Step:
        return Step(q_step, round(390 + 60 / math.sqrt(q_step)), 60.0 - 4.0 * math.log2(q_step))

    for target in (400, 395, 393, 392):
        assert search_step(pack, None, target).size_bytes <= target
    with pytest.raises(PackError, match=r"391 bytes cannot be met; the nearest is .* in 392 bytes"):
        search_step(pack, None, 391)


def test_a_modest_psnr_takes_the_coarsest_step() -> None:
    day = search_step(Curve(), 5.0, None)
    assert day.q_step == MAX_STEP
    assert day.psnr_db > 5.0


def test_a_generous_size_takes_the_finest_step() -> None:
    assert search_step(Curve(), None, 10**9).q_step == MIN_STEP


def test_a_psnr_out_of_reach_names_the_nearest() -> None:
    curve = Curve()
    with pytest.raises(PackError, match=r"--target-psnr: 90 dB cannot be met; the nearest is .* dB in \d+ bytes"):
        search_step(curve, 90.0, None)
    assert min(curve.steps) == MIN_STEP


def test_a_size_out_of_reach_names_the_nearest() -> None:
    with pytest.raises(PackError, match=r"--target-size: 100 bytes cannot be met; the nearest is 2\d.* dB in 6\d+"):
        search_step(Curve(), None, 100)


def test_a_plain_day_is_lossless_at_every_step() -> None:
    plain = Day(np.full((24, 16, 16, 3), 90, np.float32), np.ones((16, 16), bool), np.arange(24.0), "srgb8", "day")
    day = encode_day(plain, DayBasisConfig(), DayBasisPackOptions(), target_psnr_db=42.0)
    assert math.isinf(day.psnr_db)


@pytest.mark.thorough
def test_real_day_meets_its_targets() -> None:
    frames, valid = make_day(96, 80, 24)
    frames = np.clip(frames + np.random.default_rng(0).normal(0, 3, frames.shape), 0, 255).astype(np.uint8)
    sequence = Day(frames.astype(np.float32), valid, np.arange(24.0), "srgb8", "day")
    config, options = DayBasisConfig(), DayBasisPackOptions()
    by_psnr = encode_day(sequence, config, options, target_psnr_db=40.0)
    assert 40.0 <= by_psnr.psnr_db <= 40.05
    by_size = encode_day(sequence, config, options, target_size_bytes=20_000)
    assert 0.98 * 20_000 <= by_size.size_bytes <= 20_000
    assert by_size.size_bytes == len(by_size.writer.to_bytes())


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"target_psnr_db": 40.0, "target_size_bytes": 9}, "found both"),
        ({"target_psnr_db": 0.0}, r"expected dB in \(0, 99\], found 0"),
        ({"target_psnr_db": math.nan}, r"expected dB in \(0, 99\], found nan"),
        ({"target_size_bytes": 0}, "expected bytes >= 1, found 0"),
    ],
)
def test_impossible_targets(targets: dict[str, float], message: str, tmp_path: Path) -> None:
    frames, valid = make_day(16, 16, 4)
    sequence = Day(frames.astype(np.float32), valid, np.arange(4.0) * 6, "srgb8", "day")
    with pytest.raises(PackError, match=message):
        encode_day(sequence, DayBasisConfig(), DayBasisPackOptions(), **targets)  # type: ignore[arg-type]


@pytest.mark.skipif(kernels is None, reason="the encoder's kernels are not built")
def test_a_target_that_the_first_transform_bounds_is_met() -> None:
    """The transform that the approach ends in has few components for so few texels."""
    day = read_day(REPOSITORY / "samples" / "courtyard")
    place = np.s_[140:148, 225:233]
    small = Day(day.radiance[(slice(None), *place)], day.valid[place], day.hours, "srgb8", "small")
    for target in (34.0, 35.0, 36.0):
        found = encode_day(
            small, DayBasisConfig(), DayBasisPackOptions(), refine=refiner("fast", None), target_psnr_db=target
        )
        assert found.psnr_db >= target
