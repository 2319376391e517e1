"""Progress of long work, as a library's function is told of it; a command shows it by `ProgressLine`."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int, str], object]
"""Called with (steps done, steps in all, what is done now)."""


def silent(_done: int, _in_all: int, _what: str) -> None:
    """Progress that nobody follows."""
