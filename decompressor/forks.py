"""Locks that a forked child finds free, whatever its parent was doing: its other threads are not in the child."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol


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
