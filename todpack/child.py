"""A process that runs a module for another one of ours, and ends when that is gone.

    python -c START PARENT MODULE WORDS

It is as `python -m MODULE WORDS`, which would look for modules in the current folder first, where anything may lie.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
import time

START = "import sys; sys.path[:] = filter(None, sys.path); from todpack.child import main; main()"
"""What Python is given by `-c`; the first of its path is the current folder, as nothing."""
PACKAGE, PERIOD_S = "todpack", 0.5


def _end_with(parent: int) -> None:
    while os.getppid() == parent:  # on Windows for ever
        time.sleep(PERIOD_S)
    os._exit(1)


def main() -> None:
    """Run the module that the arguments name, which is one of this package.

    Raises:
        ValueError: it is another one.
    """
    _, parent, *sys.argv = sys.argv
    if sys.argv[0].partition(".")[0] != PACKAGE:
        raise ValueError(f"expected a module of {PACKAGE}, found {sys.argv[0]}")
    threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
