"""Times between the stored ones: the sum of ramps against the piecewise polynomials it stands for."""

from __future__ import annotations

import numpy as np
import pytest

from todpack.decompressor.daybasis.temporal.ramps import HOURS_PER_DAY, gap_lengths, ramp_table
from todpack.packer.daybasis.basis import choose_gap_modes


def ramps(time_h: float, hours: np.ndarray) -> np.ndarray:
    """(3T,) ramps at a time, in float32 as the graph `frame` computes them."""
    times, time = hours.astype(np.float32), np.float32(time_h)
    if time < times[0]:
        time += np.float32(HOURS_PER_DAY)
    u = np.clip((time - times) / gap_lengths(hours), np.float32(0), np.float32(1))
    return np.concatenate([u, u * (1 - u) * (1 - u), u * (1 - u) * u])


def at(values: np.ndarray, hours: np.ndarray, modes: str, time_h: float) -> np.ndarray:
    return values[0] + ramps(time_h, hours) @ ramp_table(values, hours, modes)


@pytest.mark.parametrize("modes", ["LLLL", "CCCC", "LCCL", "CLCL"])
def test_stored_times_are_exact(modes: str) -> None:
    hours = np.array([0.0, 5.9, 6.0, 18.0])
    values = np.random.default_rng(0).normal(size=(4, 3))
    for hour, expected in zip(hours, values, strict=True):
        np.testing.assert_allclose(at(values, hours, modes, float(np.float32(hour))), expected, atol=1e-12)


def test_linear_gaps_are_straight_and_wrap_around_midnight() -> None:
    hours = np.array([2.0, 8.0, 20.0])
    values = np.array([[1.0], [4.0], [10.0]])
    assert at(values, hours, "LLL", 5.0)[0] == pytest.approx(2.5)
    assert at(values, hours, "LLL", 14.0)[0] == pytest.approx(7.0)
    assert at(values, hours, "LLL", 23.0)[0] == pytest.approx(5.5)
    assert at(values, hours, "LLL", 1.0)[0] == pytest.approx(2.5)  # 5 of the 6 hours from 20 to 2


def test_cubic_gaps_are_periodic_hermite() -> None:
    """Against the textbook Hermite basis with tangents (A[j+1] - A[j-1]) / (h[j+1] - h[j-1])."""
    hours = np.arange(6) * 4.0
    values = np.random.default_rng(1).normal(size=(6, 2))
    tangent = (np.roll(values, -1, 0) - np.roll(values, 1, 0)) / 8.0
    for time_h in (0.5, 9.3, 21.7, 23.9):
        i, u = int(time_h // 4), (time_h % 4) / 4
        j = (i + 1) % 6
        expected = (
            (2 * u**3 - 3 * u**2 + 1) * values[i]
            + (u**3 - 2 * u**2 + u) * 4.0 * tangent[i]
            + (3 * u**2 - 2 * u**3) * values[j]
            + (u**3 - u**2) * 4.0 * tangent[j]
        )
        np.testing.assert_allclose(at(values, hours, "CCCCCC", time_h), expected, atol=1e-5)


def test_a_linear_gap_keeps_its_neighbors_from_bending_into_it() -> None:
    hours = np.arange(4) * 6.0
    values = np.array([[0.0], [0.0], [100.0], [100.0]])
    between = [at(values, hours, "CLCL", t)[0] for t in np.linspace(0.0, 6.0, 9)]
    assert np.allclose(between, 0.0)  # the jump from 6 to 12 does not bleed back


def test_gaps_in_float32_end_at_exactly_one() -> None:
    hours = np.array([0.0, 1.0, 5.9, 6.0, 18.0, 18.1])
    lengths = gap_lengths(hours)
    times = hours.astype(np.float32)
    assert lengths.dtype == np.float32
    assert all((times[i + 1] - times[i]) / lengths[i] == 1.0 for i in range(5))
    assert lengths.sum() == pytest.approx(24.0)


def test_smooth_days_get_cubic_gaps_and_jumps_get_linear_ones() -> None:
    t = np.arange(24.0)
    smooth = np.stack([np.sin(t * np.pi / 12), np.cos(t * np.pi / 12)], axis=1)
    assert choose_gap_modes(smooth, np.ones(2), np.arange(24.0)) == "C" * 24
    jump = np.where((t >= 6) & (t <= 18), 0.0, 1.0)[:, None]
    modes = choose_gap_modes(jump, np.ones(1), np.arange(24.0))
    assert modes[5] == "L"
    assert modes[18] == "L"
    assert choose_gap_modes(smooth[:4], np.ones(2), np.arange(4.0)) == "LLLL"
