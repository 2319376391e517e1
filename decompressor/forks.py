"""Locks that a forked child finds free, whatever its parent was doing: its other threads are not in the child."""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType
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
    """`threading.Lock` as a context, free in a forked child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        resets(self)

    def after_fork(self) -> None:
        """A new lock: the thread that held the old one is not here."""
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
