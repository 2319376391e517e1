"""Folders that are there whole or not at all: a finished one takes the place of an older one in one step."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from todpack.decompressor.errors import OutputError, TodpackError
from todpack.decompressor.files import make_folder, place_of
from todpack.decompressor.staging import remove, staged

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


def settle_folder(folder: Path, is_ours: Callable[[Path], bool]) -> None:
    """Finish what a kill between the two renames of `put_folder` left: the old folder comes back, or goes.

    Args:
        folder: The output.
        is_ours: Whether a folder is one that `put_folder` puts there; another's of that name stays.

    Raises:
        OSError: it cannot come back.
    """
    aside = _aside(folder)
    if not aside.is_dir() or not is_ours(aside):
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


def _files_in(folder: Path) -> set[PurePosixPath]:
    """All that is no folder, relative to it, but for what Python caches."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {PurePosixPath(path.relative_to(folder).as_posix()) for path in found if path.parent.name != "__pycache__"}


@dataclass(frozen=True)
class FolderKind:
    """A kind of output that is a folder.

    Attributes:
        noun: For messages, such as "submission".
        files: Files of a folder that an earlier run wrote, relative to it and by its own list; None where it is none.
        error: What is raised where a folder must not be replaced.
    """

    noun: str
    files: Callable[[Path], Collection[str] | None]
    error: type[TodpackError]

    @property
    def article(self) -> str:
        """Of the noun."""
        return "an" if self.noun[0] in "aeiou" else "a"

    def check(self, out: Path, overwrite: bool) -> None:
        """Refuse a folder that `replace` would not write: of an earlier run only its own files may go.

        Raises:
            TodpackError: of the kind `error`: it is there already, or holds something else.
            OutputError: an older one of an interrupted run cannot be put back.
        """
        if not out.name:
            raise self.error(f"{out}: expected the name of a folder to make, found the current folder")
        try:
            settle_folder(place_of(out), lambda aside: self.files(aside) is not None)
            if not out.exists():
                return
            is_empty = out.is_dir() and not any(out.iterdir())
        except OSError as error:
            raise OutputError(f"{out}: cannot be read: {error.strerror or error}") from error
        written = self.files(out) if out.is_dir() else None
        if written is None and not is_empty:
            raise self.error(f"{out}: expected a new folder or an older {self.noun}, found something else")
        if written is None:
            return
        if not overwrite:
            raise self.error(f"{out}: already holds {self.article} {self.noun}; replace it by --overwrite")
        foreign = sorted(_files_in(out) - {PurePosixPath(name) for name in written})
        if foreign:
            raise self.error(
                f"{out / foreign[0]}: was not written by todpack, and would be lost with the older {self.noun}; "
                "move it away"
            )

    def replace(self, out: Path, fill: Callable[[Path], None], overwrite: bool) -> None:
        """Write a folder; what was there stays until the new one is complete. A link stays, and names the new one.

        Args:
            out: The folder.
            fill: Writes the content into an empty folder.
            overwrite: Replace an older one of this kind.

        Raises:
            TodpackError: of the kind `error`: it is there already, or holds something else.
            OutputError: it cannot be written.
        """
        self.check(out, overwrite)
        place = place_of(out)
        make_folder(place.parent)
        try:
            with staged(place, is_folder=True) as fresh:
                fill(fresh)
                self.check(out, overwrite)  # again: another command may have written meanwhile
                put_folder(fresh, place)
        except OSError as error:
            raise OutputError(f"{out}: cannot be written: {error.strerror or error}") from error
