"""Smoothing of maps: FORMAT.md's sentence, texel by texel; fields that are wrong."""

import numpy as np
import pytest

from todpack.decompressor.daybasis.transform.smoothing import Smoothing, smooth


def by_the_text(maps: np.ndarray, valid: np.ndarray, bound: np.float32, weights: tuple[float, float]) -> np.ndarray:
    """FORMAT.md, "Coefficients to maps", step 5, one texel at a time in float32."""
    out = maps.copy()
    height, width = valid.shape

    def step(values: np.ndarray, one: tuple[int, int], other: tuple[int, int], weight: float) -> np.float32:
        if not (valid[one] and valid[other]):
            return np.float32(0)
        difference = np.float32(values[other] - values[one])
        return np.float32(min(max(difference, -bound), bound)) * np.float32(weight)

    for before, after in zip(maps, out, strict=True):
        for y in range(height):
            for x in range(width):
                for dy, dx, sign in ((0, 1, 1), (0, -1, -1), (1, 0, 1), (-1, 0, -1)):
                    there = (y + dy, x + dx)
                    if 0 <= there[0] < height and 0 <= there[1] < width:
                        first, second = ((y, x), there) if sign > 0 else (there, (y, x))
                        found = step(before, first, second, weights[0 if dx else 1])
                        after[y, x] = after[y, x] + found if sign > 0 else after[y, x] - found
    return out


@pytest.mark.parametrize("shape", [(9, 7), (1, 6), (6, 1), (1, 1)])
def test_smoothing_is_the_text(shape):
    rng = np.random.default_rng(3)
    maps, valid = rng.normal(size=(3, *shape)).astype(np.float32) * 5, rng.random(shape) < 0.8
    smoothing, q_step = Smoothing(0.375, (13 / 64, 0.25)), 4.0
    expected = by_the_text(maps, valid, np.float32(1.5), smoothing.weights)
    found = maps.copy()
    smooth(found, valid, smoothing, q_step)
    assert np.array_equal(found, expected)
    if shape == (9, 7):
        assert not np.array_equal(expected, maps)


def test_an_edge_moves_by_no_more_than_the_bound():
    maps = np.zeros((1, 4, 8), np.float32)
    maps[:, :, 4:] = 1000.0
    smooth(maps, np.ones((4, 8), bool), Smoothing(0.5, (0.25, 0.25)), 8.0)
    assert maps[0, 0].tolist() == [0, 0, 0, 1, 999, 1000, 1000, 1000]
