"""A firefly does not hide what its hour lost."""

from __future__ import annotations

import math

import numpy as np
import pytest

from todpack.eval.measures.robust import robust_psnr_db


def test_a_firefly_changes_nothing() -> None:
    original = np.full((20, 20, 3), 0.5, np.float32)
    decoded = original + np.float32(0.005)
    valid = np.ones((20, 20), bool)
    assert robust_psnr_db(original, decoded, valid) == pytest.approx(40.0, abs=1e-3)
    original[3, 3] = 1e3
    decoded[3, 3] = 900.0
    assert robust_psnr_db(original, decoded, valid) == pytest.approx(40.0, abs=1e-3)


def test_where_there_is_nothing_to_measure() -> None:
    black = np.zeros((4, 4, 3), np.float32)
    assert math.isnan(robust_psnr_db(black, black, np.ones((4, 4), bool)))
    assert math.isnan(robust_psnr_db(black + 1, black, np.zeros((4, 4), bool)))
    assert robust_psnr_db(black + 1, black + 1, np.ones((4, 4), bool)) == math.inf
