"""Each tile is decoded once while it is held, however many threads ask; errors reach all of them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from todpack.decompressor.errors import InvalidSectionError
from todpack.decompressor.tile_cache import TileCache

TILE_BYTES = 4 * 100


class Slow:
    """Counts decodes of each place; all threads are in flight before the first ends."""

    def __init__(self) -> None:
        self.decodes: Counter[tuple[int, int]] = Counter()
        self.lock = threading.Lock()

    def decode(self, place: tuple[int, int]) -> np.ndarray:
        with self.lock:
            self.decodes[place] += 1
        time.sleep(0.05)
        return np.full(100, 10 * place[0] + place[1], np.float32)


@pytest.mark.parametrize("room", [TILE_BYTES, 100 * TILE_BYTES])
def test_first_requests_of_eight_threads_decode_once(room: int) -> None:
    slow, cache, barrier = Slow(), TileCache(lambda: room), threading.Barrier(8)

    def ask(n: int) -> float:
        place = (0, n % 2)
        barrier.wait()
        return float(cache.get(place, lambda: slow.decode(place))[0])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [0.0, 1.0] * 4
    assert slow.decodes == {(0, 0): 1, (0, 1): 1}


def test_the_least_recently_used_goes_first() -> None:
    slow, cache = Slow(), TileCache(lambda: 2 * TILE_BYTES)
    for place in ((0, 0), (0, 1), (0, 0), (0, 2), (0, 0), (0, 1)):
        cache.get(place, lambda place=place: slow.decode(place))  # type: ignore[misc]
    assert slow.decodes == {(0, 0): 1, (0, 1): 2, (0, 2): 1}


def test_tiles_of_one_owner_are_dropped() -> None:
    slow, cache = Slow(), TileCache(lambda: 9 * TILE_BYTES)
    for place in ((0, 0), (1, 0), (0, 1)):
        cache.get(place, lambda place=place: slow.decode(place))  # type: ignore[misc]
    cache.drop(0)
    assert cache.held_bytes == TILE_BYTES
    assert [cache.find(place) is None for place in ((0, 0), (1, 0), (0, 1))] == [True, False, True]


def test_a_tile_larger_than_the_room_is_held_alone() -> None:
    slow, cache = Slow(), TileCache(lambda: TILE_BYTES // 2)
    for place in ((0, 0), (0, 0), (0, 1), (0, 0)):
        cache.get(place, lambda place=place: slow.decode(place))  # type: ignore[misc]
    assert slow.decodes == {(0, 0): 2, (0, 1): 1}


def test_an_error_reaches_every_thread_and_is_not_kept() -> None:
    cache, barrier = TileCache(lambda: TILE_BYTES), threading.Barrier(4)

    def fail() -> np.ndarray:
        time.sleep(0.05)
        raise InvalidSectionError("a.tod: section 0/0/coefficients: damaged")

    def ask(_: int) -> str:
        barrier.wait()
        try:
            cache.get((0, 0), fail)
        except InvalidSectionError as error:
            return str(error)
        return "none"

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(4))) == {"a.tod: section 0/0/coefficients: damaged"}
    assert cache.get((0, 0), lambda: np.ones(3, np.float32)).sum() == 3.0
