"""Turns at work of which only so much may be done at once, and whose memory few heaps keep.

Raw locks and the pool's queue alone, for what a signal's exception may do.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import TypeVar

from .forks import Lock
from .graphs.heap import HEAP
from .pool import Pool

Result = TypeVar("Result")


class Turn:
    """One lock, and a heap.

    glibc has a heap for each thread, which keeps what was freed in it. So a thread that is the only one to come works
    itself; as soon as others come too, a thread of the turn's own does all the work.

    Attributes:
        lock: Held while somebody works.
        thread: The only one that came so far; None: there is none yet, or no longer one.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.thread: int | None = None
        self._own: Pool | None = None

    @property
    def is_new(self) -> bool:
        """Whether nobody came so far."""
        return self.thread is None and self._own is None

    def do(self, work: Callable[[], Result]) -> Result:
        """The result of some work under the lock."""

        def locked() -> Result:
            with self.lock.raw:
                return work()

        return self.by_one_thread(locked)

    def by_one_thread(self, work: Callable[[], Result]) -> Result:
        """The same without the lock."""
        own = self._own
        if own is None:
            caller = threading.get_ident()
            if self.thread is None:
                self.thread = caller
            if self.thread == caller:
                return work()
            own = self._own = Pool(2)  # the caller and another one
            self.thread = None
            HEAP.give_back()
        return own.elsewhere(work)

    def close(self) -> None:
        """Let its own thread go; work that comes later makes a new one."""
        if self._own is not None:
            self._own.close()


class Turns:
    """Turns of which everybody who works has one.

    Args:
        most: How many there are.
    """

    def __init__(self, most: int) -> None:
        self._turns, self._next = tuple(Turn() for _ in range(most)), itertools.count()

    def one_of(self, n: int) -> Turn:
        """One of the first n that nobody has, if there is one: the caller's, or else a new one, or else any."""
        turns, caller = self._turns[:n], threading.get_ident()
        free = [turn for turn in turns if not turn.lock.raw.locked()]
        for turn in free:
            if turn.thread == caller:
                return turn
        return next((turn for turn in free if turn.is_new), (free or turns)[next(self._next) % len(free or turns)])

    def alone(self, work: Callable[[], Result]) -> Result:
        """Do some work while nobody has a turn."""
        return self._turns[0].by_one_thread(lambda: self._with_all(work))

    def close(self) -> None:
        """`Turn.close` of all."""
        for turn in self._turns:
            turn.close()

    def _with_all(self, work: Callable[[], Result], n_held: int = 0) -> Result:
        if n_held == len(self._turns):
            return work()
        with self._turns[n_held].lock.raw:  # in order: two who want all do not wait for each other
            return self._with_all(work, n_held + 1)
