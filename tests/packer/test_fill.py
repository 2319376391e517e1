"""Invalid texels get a smooth continuation; valid ones are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from todpack.packer.fill import fill_invalid


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 3), (8, 8), (33, 17)])
def test_valid_texels_stay(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(size[0])
    image, valid = rng.normal(size=(*size, 3)), rng.random(size) < 0.5
    valid.flat[0] = True
    image[~valid] = np.nan  # whatever is there must not count
    filled = fill_invalid(image, valid)
    assert filled.dtype == np.float64
    np.testing.assert_array_equal(filled[valid], image[valid])
    assert np.isfinite(filled).all()
    assert filled.min() >= image[valid].min() - 1e-9
    assert filled.max() <= image[valid].max() + 1e-9


def test_by_hand() -> None:
    """2 x 2 with values 1 and 5: the others get their mean."""
    image = np.array([[1.0, 99.0], [99.0, 5.0]])[..., None]
    filled = fill_invalid(image, np.array([[True, False], [False, True]]))
    np.testing.assert_array_equal(filled[..., 0], [[1.0, 3.0], [3.0, 5.0]])


def test_constant_stays_constant() -> None:
    valid = np.random.default_rng(0).random((20, 31)) < 0.05
    filled = fill_invalid(np.where(valid[..., None], 42.0, -1.0), valid)
    np.testing.assert_allclose(filled, 42.0)


def test_one_valid_texel_fills_all() -> None:
    valid = np.zeros((9, 14), bool)
    valid[8, 13] = True
    np.testing.assert_array_equal(fill_invalid(np.full((9, 14, 1), 7.0) * valid[..., None], valid), 7.0)


def test_nothing_valid_is_zero() -> None:
    np.testing.assert_array_equal(fill_invalid(np.full((4, 6, 2), 3.0), np.zeros((4, 6), bool)), 0.0)


def test_near_values_win() -> None:
    """Left half 0, right half 100, a hole in each: holes take after their surroundings."""
    image = np.zeros((16, 16, 1))
    image[:, 8:] = 100.0
    valid = np.ones((16, 16), bool)
    valid[4:6, 2:4] = valid[10:12, 12:14] = False
    filled = fill_invalid(image, valid)[..., 0]
    assert filled[4:6, 2:4].max() == 0.0
    assert filled[10:12, 12:14].min() == 100.0
