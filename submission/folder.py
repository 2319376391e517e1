"""A folder that is there whole or not at all."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from todpack.decompressor.errors import OutputError
from todpack.decompressor.files import make_folder
from todpack.decompressor.staging import staged
from todpack.packer.staging_folder import put_folder, settle_folder

from .errors import SubmissionError

SHIPPED_SUFFIXES = {".py", ".md", ".typed", ".bin"}


def replace_folder(
    out: Path, fill: Callable[[Path], None], is_submission: Callable[[Path], bool], overwrite: bool
) -> None:
    """Write a folder; what was there stays until the new one is complete.

    Args:
        out: The folder.
        fill: Writes the content into an empty folder.
        is_submission: Whether a folder is an older submission, which may be replaced.
        overwrite: Replace an older submission.

    Raises:
        SubmissionError: the folder is there already, or holds something else than a submission.
        OutputError: it cannot be written.
    """
    check_folder(out, is_submission, overwrite)
    make_folder(out.parent)
    try:
        with staged(out, is_folder=True) as fresh:
            fill(fresh)
            put_folder(fresh, out)
    except OSError as error:
        raise OutputError(f"{out}: cannot be written: {error.strerror or error}") from error


def check_plain(folder: Path) -> None:
    """Refuse a folder that holds anything but files and folders: a copy would follow a link out of it, or hang.

    Raises:
        SubmissionError: there is a symbolic link, a pipe, a socket or a device in it.
    """
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            found = "a symbolic link" if stat.S_ISLNK(mode) else "something else"
            raise SubmissionError(f"{path}: expected plain files in a submission, found {found}")


def check_folder(out: Path, is_submission: Callable[[Path], bool], overwrite: bool) -> None:
    """Refuse a folder that `replace_folder` would not write.

    Raises:
        SubmissionError: the folder holds something other than a submission, or one that may not be replaced.
        OutputError: an older submission of an interrupted build cannot be put back.
    """
    if not out.name:
        raise SubmissionError(f"{out}: expected the name of a folder to make, found the current folder")
    try:
        settle_folder(out)
        if not out.exists():
            return
        is_empty = out.is_dir() and not any(out.iterdir())
    except OSError as error:
        raise OutputError(f"{out}: cannot be read: {error.strerror or error}") from error
    ours = out.is_dir() and is_submission(out)
    if not ours and not is_empty:
        raise SubmissionError(f"{out}: expected a new folder or an older submission, found something else")
    if ours and not overwrite:
        raise SubmissionError(f"{out}: already holds a submission; replace it by --overwrite")


def copy_package(package: Path, target: Path) -> None:
    """Copy the sources of a package as they are.

    Args:
        package: Its folder.
        target: Folder to make.
    """
    for file in sorted(package.rglob("*")):
        if file.is_file() and file.suffix in SHIPPED_SUFFIXES and "__pycache__" not in file.parts:
            copy = target / file.relative_to(package)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
