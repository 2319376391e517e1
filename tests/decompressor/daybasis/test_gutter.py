"""Gutters: every texel in reach takes the nearest valid one, as a search over all pairs finds it."""

from __future__ import annotations

import numpy as np
import pytest

from todpack.decompressor.daybasis.gutter import REACH, dilate, nearest_valid


def by_search(valid: np.ndarray) -> dict[int, int]:
    """Gutter texel -> source, by looking at every valid texel."""
    width = valid.shape[1]
    y, x = np.nonzero(valid)
    found = {}
    for texel in np.flatnonzero(~valid):
        row, column = divmod(int(texel), width)
        distance = (y - row) ** 2 + (x - column) ** 2
        if distance.size and distance.min() <= REACH**2:
            found[int(texel)] = int((y * width + x)[distance.argmin()])  # the first of equals: row, then column
    return found


@pytest.mark.parametrize("share", [0.0, 0.002, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (37, 61), (64, 20)])
def test_nearest_is_the_nearest(share: float, shape: tuple[int, int]) -> None:
    for seed in range(3):
        valid = np.random.default_rng(seed).random(shape) < share
        gutter, source = nearest_valid(valid)
        assert dict(zip(gutter.tolist(), source.tolist(), strict=True)) == by_search(valid)


def test_draws_go_to_the_upper_row_then_to_the_left() -> None:
    valid = np.zeros((5, 5), bool)
    valid[0, 2] = valid[2, 0] = valid[2, 4] = valid[4, 2] = True
    gutter, source = nearest_valid(valid)
    of = dict(zip(gutter.tolist(), source.tolist(), strict=True))
    assert of[2 * 5 + 2] == 0 * 5 + 2
    assert of[3 * 5 + 3] == 2 * 5 + 4  # (2, 4) and (4, 2) are as near
    assert of[3 * 5 + 1] == 2 * 5 + 0


def test_maps_are_copied_and_what_is_far_stays() -> None:
    rng = np.random.default_rng(0)
    valid = np.zeros((8, 60), bool)
    valid[2:5, :4] = True
    maps = rng.normal(size=(3, 8, 60)).astype(np.float32)
    before = maps.copy()
    dilate(maps, valid)
    assert np.array_equal(maps[:, valid], before[:, valid])
    assert np.array_equal(maps[:, 3, 3 + REACH], before[:, 3, 3])
    assert np.array_equal(maps[:, :, 4 + REACH :], before[:, :, 4 + REACH :])
    assert np.array_equal(maps[:, 7, 2], before[:, 4, 2])
