"""The time that a file may make its reader take: estimates of one core's seconds, added up before the work begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .errors import LimitExceededError
from .forks import Lock
from .limits import Limits


class TimeAccount:
    """What a frame of 256 x 256 texels of one lightmap takes, and what is left to it. Safe to use from threads.

    Attributes:
        first: Seconds before the first frame, and of it.
        again: Seconds of a further frame of texels whose maps are there.
    """

    def __init__(self, file_bytes: int, limits: Limits) -> None:
        self._limit, self._lock = limits.seconds_for(file_bytes), Lock()
        self.first = self.again = 0.0

    def take(self, seconds: float, what: str, *, every_frame: bool = False) -> None:
        """Count time as taken, for good; `what` begins the message.

        Raises:
            LimitExceededError: so much is not left.
        """
        with self._lock.raw:
            if self.first + seconds > self._limit:
                raise LimitExceededError(
                    f"{what} would take about {seconds:.2g} s for a frame of 256 x 256 texels, over the limit of "
                    f"{max(0.0, self._limit - self.first):.2g} s that are left to a file of this size"
                )
            self.first += seconds
            if every_frame:
                self.again += seconds

    @contextmanager
    def unless_failed(self) -> Iterator[None]:
        """Work that may be tried again: where it fails, what it took is given back."""
        before = self.first, self.again
        try:
            yield
        except BaseException:
            with self._lock.raw:
                self.first, self.again = before
            raise
