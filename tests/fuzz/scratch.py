"""Where targets put their files, and what they raise."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path


class DefectError(AssertionError):
    """A broken promise that is no exception of its own."""


@lru_cache(maxsize=1)
def _folder() -> Path:
    """In memory where there is such a folder, gone with the process."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="todpack-fuzz-", dir=base))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def scratch(name: str) -> Path:
    """A place for a file or folder of this process."""
    return _folder() / name
