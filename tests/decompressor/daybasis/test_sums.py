"""Whether sums are exact in any order: a sure yes, or a no that costs little."""

from __future__ import annotations

import numpy as np
import pytest

from todpack.decompressor.daybasis.entry import MOST_PRODUCTS
from todpack.decompressor.daybasis.sums import Reach, are_exact

SIDE, PEAK = 8, 1 << 20


def asked(n_rows: int, largest: float) -> bool:
    """Two maps, each of which is seen at times of its own."""
    rows = np.zeros((n_rows, 2), np.float32)
    rows[::2, 0] = rows[1::2, 1] = 1.0
    maps = np.full((2, SIDE, SIDE), largest, np.float32)
    return are_exact(maps, Reach(rows, 0.0, rows.max(0)), np.zeros(3, np.int64), 0)


@pytest.mark.parametrize(("largest", "is_exact"), [(PEAK, True), (4 * PEAK - 1, True), (4 * PEAK, False)])
def test_maps_within_their_grids_are_exact(largest: float, is_exact: bool) -> None:
    """Maps of 2^22 steps are beyond rounding to their grids; two of less stay under 2^24."""
    assert asked(6, largest) is is_exact


def test_beyond_so_many_products_it_is_no() -> None:
    room = 1 << 24
    few, many = MOST_PRODUCTS // 2, MOST_PRODUCTS // 2 + 1
    for n_rows, is_exact in ((few, True), (many, False)):
        rows = np.zeros((n_rows, 2), np.float32)
        rows[0, 0] = rows[1, 1] = 8.0
        maps = np.full((2, SIDE, SIDE), room / 10, np.float32)
        reach = Reach(rows, 0.0, rows.max(0))
        assert are_exact(maps, reach, np.zeros(3, np.int64), 0) is is_exact


def test_components_that_are_seen_at_times_of_their_own_are_told_in_groups() -> None:
    """Each of 64 at its own hours: all at once they would go beyond, and time by time is more than may be looked at."""
    n = 64
    rows = np.repeat(np.eye(n, dtype=np.float32) * 8.0, 12, axis=0)
    for largest, is_exact in ((1 << 18, True), (1 << 21, False)):
        maps = np.full((n, SIDE, SIDE), largest, np.float32)
        assert rows.size > MOST_PRODUCTS
        assert are_exact(maps, Reach(rows, 0.0, rows.max(0)), np.zeros(n + 1, np.int64), 0) is is_exact
