"""Progress of long work, as a bar on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int, str], object]
"""Called with (steps done, steps in all, what is done now)."""


def silent(_done: int, _in_all: int, _what: str) -> None:
    """Progress that nobody follows."""


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """A bar on stderr, silent where that is no terminal."""
    try:
        from tqdm import tqdm
    except ImportError:  # progress is a comfort: without its package the command still runs
        yield silent
        return
    with tqdm(desc=label, disable=not sys.stderr.isatty(), leave=False, file=sys.stderr) as bar:

        def advance(done: int, in_all: int, what: str) -> None:
            bar.total = in_all
            bar.set_postfix_str(what, refresh=False)
            bar.update(done - bar.n)

        yield advance
