"""Folders that are there whole or not at all: a finished one takes the place of an older one in one step."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from todpack.decompressor.staging import remove

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; False where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    done: int = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return done == 0


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.todpack-old")  # a name that nobody else gives


def settle_folder(folder: Path) -> None:
    """Finish what a kill between the two renames of `put_folder` left: the old folder comes back, or goes.

    Raises:
        OSError: it cannot come back.
    """
    aside = _aside(folder)
    if not aside.is_dir():
        return
    if folder.exists():
        remove(aside)
    else:
        aside.rename(folder)


def put_folder(fresh: Path, folder: Path) -> None:
    """Put a complete folder in the place of another, in one step where the system can (Linux).

    Args:
        fresh: The new one; afterwards the old one is at this path, or nothing.
        folder: Its place, empty or taken.

    Raises:
        OSError: it cannot be renamed; what was at `folder` is there.
    """
    if not folder.exists():
        fresh.rename(folder)
    elif not _exchange(fresh, folder):
        aside = _aside(folder)
        folder.rename(aside)
        try:
            fresh.rename(folder)
        except OSError:
            aside.rename(folder)
            raise
        aside.rename(fresh)
