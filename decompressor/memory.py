"""An account of the memory that a file may use: everything large is counted before it is allocated."""

from __future__ import annotations

from .errors import LimitExceededError
from .forks import Lock
from .limits import Limits


class MemoryAccount:
    """What is left of the memory that a file may take. Safe to use from several threads."""

    def __init__(self, file_bytes: int, limits: Limits) -> None:
        self.total = limits.memory_for(file_bytes)
        self._left, self._lent, self._borrowed, self._lock = self.total, 0, 0, Lock()

    @property
    def left(self) -> int:
        """Bytes that are neither taken nor borrowed."""
        with self._lock.raw:
            return max(0, self._left - self._borrowed)

    @property
    def is_lent(self) -> bool:
        """Whether what was lent still is."""
        return self._lent > 0

    def lend(self, n_bytes: int) -> None:
        """Count bytes of what is left as taken until somebody else needs them: for work that can do without."""
        with self._lock.raw:
            self._left -= n_bytes
            self._lent += n_bytes

    def borrow(self, held: int, among: int) -> int:
        """Bytes for a while, until they are given back: one of so many shares of what is left beside what is held."""
        with self._lock.raw:
            share = max(0, self._left - self._borrowed - held) // among
            self._borrowed += share
            return share

    def give_back(self, n_bytes: int) -> None:
        """What was borrowed."""
        with self._lock.raw:
            self._borrowed -= n_bytes

    def recall(self) -> int:
        """Take back what was lent, for good; bytes that are left then, the same for any number of threads."""
        with self._lock.raw:
            self._left, self._lent = self._left + self._lent, 0
            return self._left

    def take(self, n_bytes: int, what: str) -> None:
        """Count bytes as taken, for good; `what` begins the message.

        Raises:
            LimitExceededError: there is not that much left.
        """
        with self._lock.raw:
            if n_bytes > self._left:
                self._left, self._lent = self._left + self._lent, 0
            if n_bytes > self._left:
                raise LimitExceededError(
                    f"{what} would take about {n_bytes} bytes of memory, over the limit of {self._left} that are left "
                    "to a file of this size"
                )
            self._left -= n_bytes
