"""Files and folders in the making: `.NAME.xxxxxxxx.part` beside NAME, locked by their writer.

A killed writer leaves its part behind. Nothing reads it, and the next writer of the same NAME removes it: a part whose
lock is free has no writer any more.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: a file that is open cannot be removed there, so that parts need no lock
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".part"
_RANDOM_BYTES = 4
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux


def _is_ours(name: str, target: Path) -> bool:
    return (
        re.fullmatch(rf"\.{re.escape(target.name)}\.[0-9a-f]{{{2 * _RANDOM_BYTES}}}{re.escape(SUFFIX)}", name)
        is not None
    )


def _lock(part: Path) -> int | None:
    """Lock a part: a descriptor to close when it is done, or None where it is gone, or the file system has no locks.

    Raises:
        BlockingIOError: it is locked already.
    """
    try:
        handle = os.open(part, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), os.lstat(part)):
            return handle
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError:
        pass
    os.close(handle)
    return None


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _remove_whatever_comes(path: Path) -> None:
    """Remove; Ctrl-C in the middle of it is heard afterwards."""
    try:
        _remove(path)
    except KeyboardInterrupt:
        _remove(path)
        raise


def remove_strays(target: Path) -> None:
    """Remove the parts of `target` that killed writers left."""
    with contextlib.suppress(OSError):
        for name in [entry.name for entry in os.scandir(target.parent) if _is_ours(entry.name, target)]:
            stray = target.parent / name
            if fcntl is None:
                _remove(stray)
                continue
            with contextlib.suppress(BlockingIOError):
                lock = _lock(stray)
                if lock is not None:
                    _remove(stray)
                    os.close(lock)


@contextlib.contextmanager
def new_part(target: Path, *, is_folder: bool = False) -> Iterator[Path]:
    """A new part of `target`, empty and locked; whatever is at its path afterwards is removed.

    Raises:
        OSError: it cannot be made.
    """
    remove_strays(target)
    while True:
        part: Path | None = target.with_name(f".{target.name}.{secrets.token_hex(_RANDOM_BYTES)}{SUFFIX}")
        lock = None
        try:  # from before it is there: Ctrl-C may come between any two statements
            assert part is not None
            try:
                if is_folder:
                    part.mkdir(0o700)
                else:
                    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            except FileExistsError:
                part = None  # another writer's
                continue
            try:
                lock = None if fcntl is None else _lock(part)
            except BlockingIOError:  # another writer takes it for a stray in this very moment
                continue
            if lock is not None or part.exists():
                mask = os.umask(0)
                os.umask(mask)
                part.chmod((0o777 if is_folder else 0o666) & ~mask)
                yield part
                return
        finally:
            if part is not None:
                _remove_whatever_comes(part)
            if lock is not None:
                os.close(lock)


def _exchange(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; False where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return False
    done: int = rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
    return done == 0


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def settle_folder(folder: Path) -> None:
    """Finish what a kill between the two renames of `put_folder` left: the old folder comes back, or goes.

    Raises:
        OSError: it cannot come back.
    """
    aside = _aside(folder)
    if not aside.is_dir():
        return
    if folder.exists():
        _remove(aside)
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
