"""The time that a file may make its reader take: estimates of one core's seconds, added up before the work begins."""

from __future__ import annotations

from .errors import LimitExceededError
from .forks import Lock
from .limits import Limits


class TimeAccount:
    """What is left of the time that a frame of 256 x 256 texels of one lightmap may take. Safe to use from threads."""

    def __init__(self, file_bytes: int, limits: Limits) -> None:
        self.total = limits.seconds_for(file_bytes)
        self._left, self._lock = self.total, Lock()

    def take(self, seconds: float, what: str) -> None:
        """Count time as taken, for good; `what` begins the message.

        Raises:
            LimitExceededError: so much is not left.
        """
        with self._lock:
            if seconds > self._left:
                raise LimitExceededError(
                    f"{what} would take about {seconds:.2g} s for a frame of 256 x 256 texels, over the limit of "
                    f"{max(0.0, self._left):.2g} s that are left to a file of this size"
                )
            self._left -= seconds
