"""Planes come back exactly, for any size; and one step is what the formulas give by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from todpack.decompressor.reversible_wavelet import forward_axis, forward_planes, inverse_axis, inverse_planes, n_levels

SIZES = [(1, 1), (1, 2), (2, 1), (1, 9), (1, 200), (200, 1), (3, 5), (7, 7), (7, 8), (8, 8), (9, 8), (15, 17), (16, 16),
         (31, 33), (64, 64), (65, 127), (8, 301), (255, 257)]  # fmt: skip


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_exact_inverse(height: int, width: int) -> None:
    rng = np.random.default_rng(height * 1000 + width)
    for codes in (
        rng.integers(0, 256, (height, width, 3)),
        rng.integers(0, 2, (height, width, 3)) * 255,
        np.full((height, width, 3), 255),
        np.zeros((height, width, 3), np.int64),
    ):
        stream = forward_planes(codes)
        assert stream.shape == (3 * height * width,)
        assert stream.dtype == np.uint16
        np.testing.assert_array_equal(inverse_planes(stream, height, width), codes)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.sampled_from([1, 255, 4000]))
def test_exact_inverse_of_any_size(height: int, width: int, seed: int, peak: int) -> None:
    codes = np.random.default_rng(seed).integers(-peak, peak + 1, (height, width, 3))
    np.testing.assert_array_equal(inverse_planes(forward_planes(codes), height, width), codes)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.integers(-(2**20), 2**20), min_size=1, max_size=40))
def test_axis_inverse(samples: list[int]) -> None:
    x = np.array(samples, np.int32)[:, None]
    low, high = forward_axis(x)
    assert (len(low), len(high)) == (-(-len(x) // 2), len(x) // 2)
    np.testing.assert_array_equal(inverse_axis(low, high), x)


def test_one_step_by_hand() -> None:
    """x = 10 14 20 8: d0 = 14 - (10+20)/2 = -1, d1 = 8 - 20 = -12 (mirrored); s0 = 10 + (-1-1+2)/4 = 10,
    s1 = 20 + floor((-1-12+2)/4) = 20 - 3 = 17."""
    low, high = forward_axis(np.array([[10], [14], [20], [8]], np.int32))
    np.testing.assert_array_equal(high[:, 0], [-1, -12])
    np.testing.assert_array_equal(low[:, 0], [10, 17])


def test_colors_by_hand() -> None:
    """R 100, G 150, B 40: Co = 60, m = 40 + 30 = 70, Cg = 80, Y = 70 + 40 = 110; zigzag doubles them."""
    np.testing.assert_array_equal(forward_planes(np.array([[[100, 150, 40]]])), [220, 120, 160])
    # R 0, G 0, B 1: Co = -1, m = 1 + (-1 >> 1) = 0, Cg = 0, Y = 0; zigzag of -1 is 1
    np.testing.assert_array_equal(forward_planes(np.array([[[0, 0, 1]]])), [0, 1, 0])


def test_order_of_the_stream() -> None:
    """A constant gray image: the low band is Y = 9 everywhere, all details are zero and stand behind it."""
    stream = forward_planes(np.full((8, 8, 3), 9))
    np.testing.assert_array_equal(stream[:16], 18)  # 4 x 4 of Y
    assert not stream[16:].any()


@pytest.mark.parametrize(
    ("height", "width", "levels"), [(7, 100, 0), (8, 100, 1), (16, 16, 2), (15, 15, 2), (256, 256, 5), (4096, 4096, 5)]
)
def test_levels(height: int, width: int, levels: int) -> None:
    """15 -> 8 -> 4: two steps."""
    assert n_levels(height, width) == levels


def test_smooth_images_give_small_numbers() -> None:
    rows, columns = np.mgrid[0:64, 0:64]
    codes = np.repeat(np.rint(rows + 2 * columns)[..., None], 3, axis=2)
    assert (forward_planes(codes) <= 2).mean() > 0.95
