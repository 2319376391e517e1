"""Who does the work of a turn, and that nothing keeps what work has made."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from todpack.decompressor.pool import Pool, Task
from todpack.decompressor.turns import Turn, Turns


def in_thread(work: Callable[[], int]) -> int:
    """What some work gives in a thread of its own."""
    found = list[int]()
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def test_one_thread_does_its_own_work_and_several_leave_it_to_one() -> None:
    turn, here = Turn(), threading.get_ident()
    assert [turn.do(threading.get_ident) for _ in range(3)] == [here] * 3
    keeps = threading.Event()
    others = list[int]()

    def come() -> None:
        others.append(turn.do(threading.get_ident))
        keeps.wait(10)  # else a number might be given again

    callers = [threading.Thread(target=come) for _ in range(4)]
    for caller in callers:
        caller.start()
    while len(others) < 4:
        pass
    assert len(set(others)) == 1
    assert turn.do(threading.get_ident) == others[0] not in (here, *(caller.ident for caller in callers))
    keeps.set()
    for caller in callers:
        caller.join()


def test_threads_find_their_own_turns_again() -> None:
    turns = Turns(3)
    mine = turns.one_of(3)
    mine.do(threading.get_ident)
    assert in_thread(lambda: id(turns.one_of(3))) != id(mine)
    assert all(turns.one_of(3) is mine for _ in range(4))
    assert all(turns.one_of(1) is mine for _ in range(4))
    with mine.lock.raw:
        assert turns.one_of(3) is not mine
        assert turns.one_of(1) is mine


@pytest.mark.skipif(sys.platform != "linux", reason="threads are looked for in /proc")
def test_closing_lets_threads_go_and_work_makes_new_ones() -> None:
    turns = Turns(1)
    turn = turns.one_of(1)
    in_thread(lambda: turn.do(int))
    own = Path(f"/proc/self/task/{turn.do(threading.get_native_id)}")
    assert own.exists()
    assert own.name != str(threading.get_native_id())
    turns.close()
    for _ in range(1000):
        if not own.exists():
            break
        threading.Event().wait(0.005)
    assert not own.exists()
    assert turn.do(lambda: 7) == 7


def test_alone_waits_for_all_turns() -> None:
    turns, done = Turns(3), threading.Event()
    with turns.one_of(3).lock.raw:
        other = threading.Thread(target=lambda: turns.alone(done.set))
        other.start()
        assert not done.wait(0.05)
    other.join()
    assert done.is_set()


class Maps:
    """Something large."""


def test_errors_come_from_the_other_thread_without_what_was_made_there() -> None:
    made = list[weakref.ref[Maps]]()

    def fail() -> None:
        maps = Maps()
        made.append(weakref.ref(maps))
        try:
            inner(maps)
        except KeyError as error:
            raise ValueError("no") from error

    def inner(maps: Maps) -> None:
        raise KeyError(id(maps))

    gc.disable()  # what cycles keep, they keep for a while
    try:
        for _ in range(2):
            with pytest.raises(ValueError, match="no") as caught:
                Pool(2).elsewhere(fail)
            assert made[-1]() is None
            assert isinstance(caught.value.__cause__, KeyError)
    finally:
        gc.enable()


def test_errors_of_map_wait_without_what_was_made() -> None:
    """One lane fails while the other one is still at work."""
    pool, failed, looked = Pool(2), threading.Event(), threading.Event()
    made = list[weakref.ref[Maps]]()

    def work(number: int) -> None:
        if number == 0:
            maps = Maps()
            made.append(weakref.ref(maps))
            failed.set()
            raise ValueError(str(id(maps)))
        assert looked.wait(10)

    def look() -> None:
        assert failed.wait(10)
        for _ in range(1000):
            if made[0]() is None:
                break
            threading.Event().wait(0.005)
        found.append(made[0]())
        looked.set()

    found = list[Maps | None]()
    other = threading.Thread(target=look)
    other.start()
    with pytest.raises(ValueError, match=r"\d+"):
        pool.map(work, [1, 0])
    other.join()
    assert found == [None]


def test_dropped_work_is_let_go_though_it_stays_in_a_queue() -> None:
    maps = Maps()
    kept = weakref.ref(maps)
    task = Task(lambda maps=maps: maps)  # type: ignore[misc]
    del maps
    assert kept() is not None
    task.drop()
    assert kept() is None
    task.run()  # by a thread that comes to it later
    task.wait()
