"""Files and folders in the making: a staging path `.NAME.xxxxxxxx.part` beside NAME, locked by its writer.

A killed writer leaves its staging path behind. Nothing reads it, and the next writer of the same NAME removes it: one
whose lock is free has no writer any more.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: a file that is open cannot be removed there, so no lock is needed
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".part"
_RANDOM_BYTES = 4
MAX_NAME_BYTES = 255 - len(f"..{2 * _RANDOM_BYTES * '0'}{SUFFIX}")
"""Of an output: most systems have names of 255 bytes, and the file in the making has more than its own."""


def _is_ours(name: str, target: Path) -> bool:
    return (
        re.fullmatch(rf"\.{re.escape(target.name)}\.[0-9a-f]{{{2 * _RANDOM_BYTES}}}{re.escape(SUFFIX)}", name)
        is not None
    )


def try_lock(path: Path) -> int | None:
    """Lock a file or a folder: a descriptor to close when done; None where it is gone or the file system has no locks.

    Raises:
        BlockingIOError: it is locked already.
    """
    if fcntl is None:
        return None
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), os.lstat(path)):
            return handle
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError:
        pass
    os.close(handle)
    return None


def remove(path: Path) -> None:
    """Remove a file or a folder, as far as it can be; a link itself, never what it points to."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            import shutil  # for folders only

            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _remove_whatever_comes(path: Path) -> None:
    """Remove; Ctrl-C in the middle of it is heard afterwards."""
    try:
        remove(path)
    except KeyboardInterrupt:
        remove(path)
        raise


@contextlib.contextmanager
def scratch_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """A folder for temporary files, which goes with the block, also where Ctrl-C comes while it is being removed.

    Args:
        prefix: Of its name.
        parent: Where it is made; None is the system's folder for temporary files.
    """
    import tempfile

    path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield path
    finally:
        _remove_whatever_comes(path)


def remove_strays(target: Path) -> None:
    """Remove the staging paths of `target` that killed writers left."""
    with contextlib.suppress(OSError):
        for name in [entry.name for entry in os.scandir(target.parent) if _is_ours(entry.name, target)]:
            stray = target.parent / name
            if fcntl is None:
                remove(stray)
                continue
            with contextlib.suppress(BlockingIOError):
                lock = try_lock(stray)
                if lock is not None:
                    remove(stray)
                    os.close(lock)


@contextlib.contextmanager
def work_folder(path: Path) -> Iterator[None]:
    """A folder that one process works in at a time; made if need be, removed afterwards if it is empty.

    Raises:
        BlockingIOError: another process works there.
        OSError: it cannot be made.
    """
    lock = None
    while lock is None:
        path.mkdir(parents=True, exist_ok=True)
        lock = None if fcntl is None else try_lock(path)
        if lock is None and path.is_dir():  # no locks here; else another process has just removed it
            break
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # it is not empty
            path.rmdir()
        if lock is not None:
            os.close(lock)


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process is in such a block for the folder; where there are no locks, nobody waits."""
    handle = None
    with contextlib.suppress(OSError):
        handle = None if fcntl is None else os.open(folder, os.O_RDONLY)
    try:
        if handle is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _mode(target: Path, is_folder: bool) -> int:
    """Permissions of what takes the place of the target: those of the older one, else the usual ones."""
    own = 0o700 if is_folder else 0o600
    try:
        older = target.lstat().st_mode
        if stat.S_ISDIR(older) if is_folder else stat.S_ISREG(older):
            return own | older & 0o777
    except OSError:  # there is none
        pass
    mask = os.umask(0)
    os.umask(mask)
    return (0o777 if is_folder else 0o666) & ~mask


@contextlib.contextmanager
def staged(target: Path, *, is_folder: bool = False) -> Iterator[Path]:
    """A new staging path for `target`, empty and locked; whatever is there afterwards is removed.

    Raises:
        OSError: it cannot be made.
    """
    remove_strays(target)
    while True:
        path: Path | None = target.with_name(f".{target.name}.{os.urandom(_RANDOM_BYTES).hex()}{SUFFIX}")
        lock = None
        try:  # from before it is there: Ctrl-C may come between any two statements
            assert path is not None
            try:
                if is_folder:
                    path.mkdir(0o700)
                else:
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            except FileExistsError:
                path = None  # another writer's
                continue
            try:
                lock = None if fcntl is None else try_lock(path)
            except BlockingIOError:  # another writer takes it for a stray in this very moment
                continue
            if lock is not None or path.exists():
                path.chmod(_mode(target, is_folder))
                yield path
                return
        finally:
            if path is not None:
                _remove_whatever_comes(path)
            if lock is not None:
                os.close(lock)
