"""Mip levels: averages that never leave a chart, and gutters."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from todpack.packer.export.mips import chart_levels


def test_a_texel_is_the_average_of_one_chart() -> None:
    valid = np.zeros((4, 8), bool)
    valid[:2, :3] = valid[2:, 4:] = True  # two charts; the second column of blocks has one texel of the first
    levels = chart_levels(valid)
    assert [level.valid.shape for level in levels] == [(4, 8), (2, 4), (1, 2), (1, 1)]
    assert levels[1].valid.tolist() == [[True, True, False, False], [False, False, True, True]]
    values = np.where(levels[0].labels == levels[0].labels[0, 0], 10.0, 20.0)[valid][:, None]
    for level in levels:
        values = level.averaged(values)
        assert set(values.ravel()) <= {10.0, 20.0}
    assert values.tolist() == [[20.0]]  # the chart of 8 texels, not that of 6
    assert levels[1].masses.tolist() == [4, 2, 4, 4]


@pytest.mark.parametrize("shape", [(5, 7), (1, 6), (16, 16), (3, 1)])
def test_averages_are_those_of_the_texels_of_level_0(shape: tuple[int, int]) -> None:
    """With one chart every level is the mean of what lies under a texel, whatever the sides."""
    values = np.random.default_rng(0).normal(size=shape)
    levels = chart_levels(np.ones(shape, bool))
    found = values.reshape(-1, 1)
    for number, level in enumerate(levels):
        found = level.averaged(found)
        height, width = level.valid.shape
        assert (height, width) == (max(1, shape[0] >> number), max(1, shape[1] >> number))
        rows, columns = (np.arange(side) for side in shape)
        for _ in range(number):
            rows, columns = (
                np.minimum(rows // 2, max(1, (rows.max() + 1) // 2) - 1),
                np.minimum(columns // 2, max(1, (columns.max() + 1) // 2) - 1),
            )
        sums = np.zeros((height, width))
        counts = np.zeros((height, width))
        np.add.at(sums, (rows[:, None], columns[None]), values)
        np.add.at(counts, (rows[:, None], columns[None]), 1)
        assert np.allclose(found[:, 0], (sums / counts).ravel())
    assert len(levels) == max(shape).bit_length()


def test_gutters_take_their_nearest_and_far_texels_the_constant() -> None:
    valid = np.zeros((1, 40), bool)
    valid[0, [0, 4]] = True
    (level,) = chart_levels(valid, 1)
    image = level.fill(np.array([[1, 5], [2, 6]], np.uint8), 9)
    assert image[0, :6].tolist() == [[1, 5], [1, 5], [1, 5], [2, 6], [2, 6], [2, 6]]
    assert image[0, 20].tolist() == [2, 6]
    assert image[0, 21].tolist() == [9, 9]


def test_no_texel_is_in_two_groups_of_a_busy_mask() -> None:
    valid = np.random.default_rng(3).random((33, 50)) < 0.6
    levels = chart_levels(valid)
    for fine, coarse in pairwise(levels):
        assert coarse.average is not None
        weights = coarse.average.toarray()
        assert np.allclose(weights.sum(1), 1.0)
        assert ((weights > 0).sum(0) <= 1).all()
        labels = fine.labels[fine.valid]
        for row, label in zip(weights, coarse.labels[coarse.valid], strict=True):
            assert set(labels[row > 0]) == {label}
        for y, x in np.argwhere(fine.valid):
            assert coarse.valid[min(y // 2, coarse.valid.shape[0] - 1), min(x // 2, coarse.valid.shape[1] - 1)]
