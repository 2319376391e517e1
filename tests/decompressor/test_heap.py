"""Free pages go back to the system when the process has grown by more than runs of graphs should leave."""

from __future__ import annotations

import pytest

from todpack.decompressor.graphs.heap import GROWTH_BYTES, WINDOW_BYTES, Heap


class Process:
    """Bytes that a process has, and how often its free pages went back."""

    def __init__(self) -> None:
        self.n_bytes, self.in_use, self.n_trims = 100 << 20, 100 << 20, 0

    def trim(self, _kept: int) -> int:
        self.n_trims += 1
        self.n_bytes = self.in_use
        return 1

    def resident(self) -> int:
        return self.n_bytes


def test_growth_goes_back() -> None:
    process = Process()
    heap, most = Heap(process.trim, process.resident), 0
    for _ in range(100):
        with heap.room_for(WINDOW_BYTES // 2):
            process.n_bytes += WINDOW_BYTES // 2  # nothing of it is used again
            most = max(most, process.n_bytes)
    assert process.n_trims > 10
    assert most - process.in_use <= GROWTH_BYTES + 2 * WINDOW_BYTES


def test_a_heap_that_does_not_grow_is_left_alone() -> None:
    process = Process()
    heap = Heap(process.trim, process.resident)
    for _ in range(100):
        with heap.room_for(4 * WINDOW_BYTES):
            process.n_bytes = process.in_use + GROWTH_BYTES
    assert process.n_trims == 0


def test_runs_at_once_may_leave_more() -> None:
    process = Process()
    heap = Heap(process.trim, process.resident)
    with heap.room_for(1), heap.room_for(1), heap.room_for(1):
        process.n_bytes += 2 * GROWTH_BYTES
        with heap.room_for(2 * WINDOW_BYTES):
            assert process.n_trims == 0
        process.n_bytes += 3 * GROWTH_BYTES
        with heap.room_for(2 * WINDOW_BYTES):
            assert process.n_trims == 1


def test_at_once_what_others_have_left_goes_first_and_nothing_else() -> None:
    """Before NumPy makes a tile; before the core makes one, which takes no memory of the heap's, if others did."""
    process = Process()
    heap = Heap(process.trim, process.resident)
    for _ in range(100):
        with heap.room_for(0, at_once=True):
            pass
    assert process.n_trims == 0
    with heap.room_for(2 * WINDOW_BYTES, at_once=True):
        assert process.n_trims == 1
    for _ in range(100):
        with heap.room_for(0, at_once=True):
            assert process.n_trims == 2


@pytest.mark.parametrize("error", [OSError, ValueError])
def test_a_system_that_does_not_say(error: type[Exception]) -> None:
    def resident() -> int:
        raise error

    process = Process()
    for heap in (Heap(process.trim, resident), Heap(None, resident)):
        with heap.room_for(2 * WINDOW_BYTES):
            pass
    assert process.n_trims == 0
