"""Files that are there whole or not at all, and the checks of an output before the long work."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from .errors import OutputError
from .staging import staged


def check_output(path: Path) -> None:
    """Refuse a place where no file can be written, before the long work.

    Raises:
        OutputError: a folder or device is there, or the folder it belongs to is missing or not writable.
    """
    try:
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "a device"
            raise OutputError(f"{path}: cannot be written: expected a file or nothing there, found {kind}")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: cannot be written: expected a folder {path.parent}, found none")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: cannot be written: no permission in {path.parent}")


def check_suffix(path: Path, suffix: str) -> None:
    """Refuse an output whose name promises another format than the one that is written.

    Raises:
        OutputError: `path` does not end in `suffix`.
    """
    if path.suffix.lower() != suffix:
        raise OutputError(f"{path}: expected a name that ends in {suffix}")


def write_atomic(
    path: Path,
    write: Callable[[BinaryIO], object],
    *,
    durable: bool = False,
    check: Callable[[Path], object] | None = None,
) -> None:
    """Replace `path` by what `write` puts into a file; on any failure the old file stays as it was.

    Args:
        path: The file.
        write: Puts the content into the open file.
        durable: Flush to the disk before the old file is replaced (for what took long to make).
        check: Looks at the finished file, under another name, before the old file is replaced; may raise anything.

    Raises:
        OutputError: the folder cannot be written (missing, read-only, full).
    """
    check_output(path)
    try:
        with staged(path) as staging:
            with staging.open("wb") as file:
                write(file)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            if check is not None:
                check(staging)
            os.replace(staging, path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def write_text(path: Path, text: str, *, durable: bool = False) -> None:
    """`write_atomic` of UTF-8 text; arguments and errors as there."""
    write_atomic(path, lambda file: file.write(text.encode("utf-8")), durable=durable)


def make_folder(path: Path) -> None:
    """Create a folder and its parents if need be.

    Raises:
        OutputError: it cannot be created, or a file is in its place.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f"{path}: expected a folder, found a file") from error
    except OSError as error:
        raise OutputError(f"{path}: cannot be created: {error.strerror or error}") from error
