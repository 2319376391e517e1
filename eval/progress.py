"""Progress of long work, as a line on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from todpack.packer.progress import ProgressLine

Progress = Callable[[int, int, str], object]
"""Called with (steps done, steps in all, what is done now)."""


def silent(_done: int, _in_all: int, _what: str) -> None:
    """Progress that nobody follows."""


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """A line on stderr that is told of steps."""
    with ProgressLine(label) as line:
        yield line.update
