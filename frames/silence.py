"""Libraries that read pictures say on stderr what they raise as well, with names of files unescaped: kept quiet."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from io import StringIO

_SILENCED = threading.Lock()


@contextmanager
def silenced() -> Iterator[None]:
    """Nothing reaches stdout or stderr, be it by C or by Python, as a line, a warning or a log."""
    with _SILENCED, ExitStack() as stack:
        for stream in (1, 2):
            try:
                kept, nowhere = os.dup(stream), os.open(os.devnull, os.O_WRONLY)
            except OSError:  # it is closed
                continue
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, stream, inheritable=True)
            os.dup2(nowhere, stream)
            os.close(nowhere)
        pillow = logging.getLogger("PIL")
        stack.callback(pillow.setLevel, pillow.level)
        pillow.setLevel(logging.CRITICAL + 1)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(redirect_stdout(StringIO()))  # OpenEXR's binding prints as Python does
        yield
