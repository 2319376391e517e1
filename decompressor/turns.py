"""Turns at work of which only so much may be done at once. Raw locks alone, for what a signal's exception may do."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import TypeVar

from .forks import Lock

Result = TypeVar("Result")


class Turns:
    """Locks of which everybody who works holds one: `with turns.one_of(n):`.

    Args:
        most: How many there are.
    """

    def __init__(self, most: int) -> None:
        self._locks, self._next = tuple(Lock() for _ in range(most)), itertools.count()

    def one_of(self, n: int) -> threading.Lock:
        """One of the first n locks, which nobody holds where there is such a one."""
        locks = [lock.raw for lock in self._locks[:n]]
        free = [lock for lock in locks if not lock.locked()]
        return free[0] if free else locks[next(self._next) % len(locks)]

    def alone(self, work: Callable[[], Result], n_held: int = 0) -> Result:
        """Do some work while nobody has a turn."""
        if n_held == len(self._locks):
            return work()
        with self._locks[n_held].raw:  # in order: two who want all do not wait for each other
            return self.alone(work, n_held + 1)
