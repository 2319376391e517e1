"""Locks that a forked child finds free, whatever its parent was doing: its other threads are not in the child."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, Protocol

PATIENCE_S = 5.0


class _Resets(Protocol):
    def after_fork(self) -> None:
        """Forget what only threads of the parent would have ended."""


_living: weakref.WeakSet[_Resets] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for one in list(_living):
        one.after_fork()


def resets(one: _Resets) -> None:
    """Have `after_fork` called in every forked child, as long as the object lives."""
    _living.add(one)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class Lock:
    """A `threading.Lock` that is free in a forked child: `with lock.raw:`.

    The lock itself is the context. A signal's exception (Ctrl-C) may come between any two instructions of Python: an
    `__enter__` that is written in Python could take the lock and leave before the block begins, for ever.

    Attributes:
        raw: The lock, another one in a forked child.
    """

    def __init__(self) -> None:
        self.raw = threading.Lock()
        resets(self)

    def after_fork(self) -> None:
        """A new lock: the thread that held the old one is not here."""
        self.raw = threading.Lock()


class ForkedAfter:
    """A lock that a fork waits for, so that no child finds what is done under it half done: `with lock.raw:`.

    For what has locks of its own that nobody can renew. The same thread may take it again, as a signal's handler does.
    It does not wait for ever.

    Attributes:
        raw: The lock, another one in a forked child.
    """

    def __init__(self) -> None:
        self.raw = threading.RLock()
        self._is_held = False
        resets(self)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._before, after_in_parent=self._after)

    def _before(self) -> None:
        self._is_held = self.raw.acquire(timeout=PATIENCE_S)

    def _after(self) -> None:
        if self._is_held:
            self.raw.release()

    def after_fork(self) -> None:
        """A new lock: this one is held here, by the fork or by a thread that is not here."""
        self.raw = threading.RLock()


class ForkedAfterAll:
    """A lock for each of some groups of threads, all of which a fork waits for: `with lock.raw:`.

    For what many threads do at once, each for itself.

    Args:
        n: Groups, a power of two.
    """

    def __init__(self, n: int) -> None:
        self._locks = tuple(ForkedAfter() for _ in range(n))

    @property
    def raw(self) -> Any:
        """That of the calling thread."""
        number = threading.get_ident()  # an address, whose lowest bits are all the same
        return self._locks[(number >> 12 ^ number >> 17 ^ number >> 23) % len(self._locks)].raw


multiplying = ForkedAfterAll(16)
"""Held where NumPy multiplies matrices: BLAS has locks of its own, which a child would find held for ever."""
importing = ForkedAfter()
"""Held where a function imports a module that nothing else loads: one that a thread has half imported at a fork stays
half imported in the child, which would wait for it for ever."""
