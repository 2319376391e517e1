"""Files that are there whole or not at all, and the checks of an output before the long work."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from .errors import OutputError
from .staging import staged

WRITTEN_BY = {"written_by": "todpack"}
"""The first field of figures in JSON."""
SIGNATURES = {
    ".json": json.dumps(WRITTEN_BY)[1:-1].encode(),
    ".html": b'<meta name="generator" content="todpack">',
    ".png": b"Software\0todpack",
}
"""How files of ours say so; in others it is the name alone."""
NEVER_READ = (".tod", ".html", ".mp4")
"""Suffixes of outputs that may lie in a folder of inputs: no command reads them there."""


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


def refuse_inputs(path: Path, inputs: Iterable[Path]) -> None:
    """Refuse an output that would replace what is read.

    Args:
        path: The output, a file or a folder.
        inputs: What is read: files, and folders with all that is in them.

    Raises:
        OutputError: it is one of the inputs, or a file in one, of a kind that may be read there.
    """
    for one in inputs:
        try:
            is_input = path.samefile(one)
        except OSError:  # one of them is not there
            continue
        if is_input:
            raise OutputError(f"{path}: expected an output that is not among the inputs, found the input itself")
    if path.is_file() and path.suffix.lower() not in NEVER_READ:
        place = path.resolve()
        for one in inputs:
            if one.is_dir() and place.is_relative_to(one.resolve()):
                raise OutputError(f"{path}: expected an output that is not among the inputs, found a file of {one}")


def is_earlier_output(path: Path) -> bool:
    """Whether a file may be replaced without asking: it is empty, or says that todpack wrote it.

    Files that have no place for a name, arrays and plain floats, are ours where our hours.txt lists them.
    """
    from .container import MAGIC
    from .hours_file import UNSIGNED, listed

    try:
        with path.open("rb") as file:
            head = file.read(4096)
            file.seek(max(0, path.stat().st_size - 4096))
            tail = file.read()
    except OSError:
        return False
    if not head or head.startswith(MAGIC):
        return True
    suffix = path.suffix.lower()
    if suffix in UNSIGNED:
        return path.name in listed(path.parent)
    mark = SIGNATURES.get(suffix, b"todpack")
    return mark in head or mark in tail


def check_replaced(paths: Iterable[Path], *, overwrite: bool, way: str = "replace it by --overwrite") -> None:
    """Refuse to replace files that todpack did not write.

    Args:
        paths: Outputs.
        overwrite: Replace whatever is there.
        way: What the user can do about it.

    Raises:
        OutputError: one is there, and is another's.
    """
    for path in paths if not overwrite else ():
        if path.is_file() and not is_earlier_output(path):
            raise OutputError(f"{path}: is there, and was not written by todpack; {way}")


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


def write_json(path: Path, figures: Mapping[str, Any]) -> None:
    """`write_text` of figures as JSON that says who wrote it (`WRITTEN_BY`); arguments and errors as there."""
    write_text(path, json.dumps({**WRITTEN_BY, **figures}, indent=2, allow_nan=False) + "\n")


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
