"""An account of the memory that a file may use: everything large is counted before it is allocated."""

from __future__ import annotations

from .errors import LimitExceededError
from .forks import Lock
from .limits import Limits


class MemoryAccount:
    """What is left of the memory that a file may take. Safe to use from several threads."""

    def __init__(self, file_bytes: int, limits: Limits) -> None:
        self.total = limits.memory_for(file_bytes)
        self._left, self._lock = self.total, Lock()

    @property
    def left(self) -> int:
        """Bytes that are not taken."""
        with self._lock.raw:
            return self._left

    def take(self, n_bytes: int, what: str) -> None:
        """Count bytes as taken, for good; `what` begins the message.

        Raises:
            LimitExceededError: there is not that much left.
        """
        with self._lock.raw:
            if n_bytes > self._left:
                raise LimitExceededError(
                    f"{what} would take about {n_bytes} bytes of memory, over the limit of {self._left} that are left "
                    "to a file of this size"
                )
            self._left -= n_bytes
