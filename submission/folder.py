"""A folder that is there whole or not at all."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from todpack.decompressor.daybasis import native
from todpack.decompressor.files import write_atomic
from todpack.decompressor.signatures import ZIP_COMMENT

from .errors import SubmissionError

SHIPPED_SUFFIXES = {".py", ".md", ".typed", ".bin"}
NATIVE_FILES = ("build.py", "include/*.h", "src/*.[ch]", "python/_native.c")


ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the same input gives the same zip


def check_name(path: Path) -> None:
    """Refuse a name that a zip and a manifest cannot hold.

    Raises:
        SubmissionError: it is no UTF-8.
    """
    try:
        path.name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise SubmissionError(f"{path}: expected a name in UTF-8, which a zip can hold, found another") from error


def named(folder: Path) -> Path:
    """The same folder by its name, beside which files can lie: `.` and `..` have none.

    Raises:
        SubmissionError: it is the root of the file system.
    """
    path = folder if folder.name not in ("", "..") else Path(os.path.abspath(folder))
    if not path.name:
        raise SubmissionError(f"{folder}: expected the folder of a submission, found the root of the file system")
    return path


def write_zip(folder: Path, names: Sequence[str], zip_path: Path) -> None:
    """Write files of a folder into a zip, in a folder of the zip's name.

    Raises:
        OutputError: it cannot be written.
    """

    def write(file: BinaryIO) -> None:
        bundle = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9)
        try:
            bundle.comment = ZIP_COMMENT
            for name in names:
                entry = zipfile.ZipInfo(f"{zip_path.stem}/{name}", ZIP_DATE)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                bundle.writestr(entry, (folder / name).read_bytes())
            bundle.close()
        except BaseException:
            bundle.fp = None  # the file is given up; ZipFile would end it, or complain of an entry that Ctrl-C cut off
            raise

    write_atomic(zip_path, write)


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


def copy_native(package: Path, target: Path) -> bool:
    """Copy the native core: its source, and the library where it was built for this platform.

    Args:
        package: The package `decompressor`, beside which the source is.
        target: The bundle; the source goes into its folder `native`, the library into `decompressor`.

    Returns:
        Whether there is a library.
    """
    source = package.parent / "native"
    for pattern in NATIVE_FILES:
        for file in sorted(source.glob(pattern)):
            copy = target / "native" / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    if native.LIBRARY is None:
        return False
    shutil.copyfile(native.LIBRARY, target / "decompressor" / native.LIBRARY.name)
    return True


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
