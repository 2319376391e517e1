"""Lookups over charts' borders, by hand and on the sample."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.conftest import SAMPLE
from todpack.eval.measures.border import border_score, filled
from todpack.eval.measures.frames import day_frames
from todpack.frames import read_day


def test_by_hand() -> None:
    """A chart of one column whose neighbor is off by 8 codes after decoding, and by 20 in the original's gutter."""
    valid = np.array([[True, False], [True, False]])
    original = np.full((1, 2, 2, 3), 100, np.uint8)
    original[:, :, 1] = 120
    decoded = np.full((1, 2, 2, 3), 100, np.uint8)
    decoded[:, :, 1] = 108
    found = border_score(original, decoded, valid)
    assert found is not None

    def psnr(error: float) -> float:
        return 20 * math.log10(255 / error)

    assert found.psnr_db == pytest.approx((psnr(2.0), psnr(4.0)))
    assert found.own_gutter_db == pytest.approx((psnr(3.0), psnr(6.0)))
    assert found.ceiling_db == pytest.approx((psnr(5.0), psnr(10.0)))


def test_without_a_border_there_is_no_figure() -> None:
    frames = np.zeros((1, 4, 4, 3), np.uint8)
    assert border_score(frames, frames, np.ones((4, 4), bool)) is None


def test_the_ceiling_on_the_sample() -> None:
    day = read_day(SAMPLE)
    frames = day_frames(day)
    ideal = np.stack([filled(frame, day.valid) for frame in frames]).astype(np.uint8)
    found = border_score(frames, ideal, day.valid)
    assert found is not None
    assert found.psnr_db == (math.inf, math.inf)
    assert found.ceiling_db == found.own_gutter_db
    assert found.ceiling_db == pytest.approx((35.6, 29.6), abs=0.1)
