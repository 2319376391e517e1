"""The sections of an archive as one lightmap reads them: the time that reading takes is counted."""

from __future__ import annotations

import numpy as np

from .container import Container
from .errors import ArchiveError
from .time_account import TimeAccount


class CountedSections:
    """Reads sections that a lightmap needs once.

    Attributes:
        container: The archive.
        time: What is left to the lightmap.
    """

    def __init__(self, container: Container, time: TimeAccount) -> None:
        self.container, self.time = container, time

    def read_bytes(self, name: str) -> bytes:
        """As of `Container`.

        Raises:
            ArchiveError: the section is missing or damaged, or takes more time than is left.
        """
        self._count(name)
        return self.container.read_bytes(name)

    def read_array(self, name: str) -> np.ndarray:
        """As of `Container`; errors as of `read_bytes`."""
        self._count(name)
        return self.container.read_array(name)

    def invalid(self, name: str, problem: object) -> ArchiveError:
        """As of `Container`."""
        return self.container.invalid(name, problem)

    def _count(self, name: str) -> None:
        seconds = self.container.serial_seconds(name)
        if seconds:
            self.time.take(seconds, f"{self.container.path}: section {name}: decoding")
