"""Files that are there whole or not at all, and the checks of an output before the long work."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from .errors import OutputError
from .plain_text import shown
from .signatures import WRITTEN_BY, is_earlier_output
from .staging import MAX_NAME_BYTES, staged, work_folder

FRAMES = "png"
"""Folder in a folder of inputs that is read in its place."""
_guarded: set[Path] = set()
"""Outputs that take the place of nothing but what todpack wrote, until they are written."""
MOVE = "move it away"
"""What can be done about a file of somebody else beside or in a folder of ours: `--overwrite` is of the folder."""
NEVER_READ = (".tod", ".html", ".mp4")
"""Suffixes of outputs that may lie in a folder of inputs: no command reads them there."""


def refuse_missing_before_up(path: Path) -> None:
    """Refuse a path that leaves a missing folder by "..": to the system it names nothing, until the folder is made.

    Raises:
        OutputError: it does.
    """
    for n, part in enumerate(path.parts):
        if part == ".." and not os.path.isdir(left := Path(*path.parts[:n])):
            raise OutputError(f"{path}: expected a folder {left} before '..', found none")


def place_of(path: Path) -> Path:
    """The place that a path names, by all links; `resolve` would end at a link to itself before Python 3.13.

    Raises:
        OutputError: see `refuse_missing_before_up`.
    """
    refuse_missing_before_up(path)
    return Path(os.path.realpath(path))


def identity_of(path: Path) -> tuple[int, ...] | None:
    """What tells a file from another that takes its place: device, number, size and time; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def refuse_other_kinds(path: Path) -> None:
    """Refuse a place where something else than a file is.

    Raises:
        OutputError: a folder, pipe or device is there.
    """
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a device"
        raise OutputError(f"{path}: cannot be written: expected a file or nothing there, found {kind}")


def check_output(path: Path) -> None:
    """Refuse a place where no file can be written, before the long work.

    Raises:
        OutputError: a folder or device is there, the folder it belongs to is missing or not writable, or the name is so
            long that none is left for the file in the making.
    """
    try:
        refuse_other_kinds(path)
        if not path.parent.is_dir():
            raise OutputError(f"{path}: cannot be written: expected a folder {path.parent}, found none")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: cannot be written: no permission in {path.parent}")
    n_bytes = len(os.fsencode(path.name))
    if n_bytes > MAX_NAME_BYTES:
        raise OutputError(f"{path}: expected a name of at most {MAX_NAME_BYTES} bytes, found {n_bytes}")


def refuse_inputs(path: Path, inputs: Iterable[Path]) -> None:
    """Refuse an output that would replace what is read.

    Args:
        path: The output, a file or a folder.
        inputs: What is read: files, and folders with all that is in them.

    Raises:
        OutputError: it is one of the inputs, or a file in one, of a kind that may be read there.
    """
    inputs = list(inputs)
    for one in [*inputs, *(folder / FRAMES for folder in inputs)]:
        try:
            is_input = path.samefile(one)
        except OSError:  # one of them is not there
            continue
        if is_input:
            raise OutputError(f"{path}: expected an output that is not among the inputs, found the input itself")
    if path.is_file() and path.suffix.lower() not in NEVER_READ:
        place = place_of(path)
        for one in inputs:
            if one.is_dir() and place.is_relative_to(place_of(one)):
                raise OutputError(f"{path}: expected an output that is not among the inputs, found a file of {one}")


def refuse_twice(outputs: Iterable[Path]) -> None:
    """Refuse one place for two outputs of a command.

    Raises:
        OutputError: two of them are the same file or folder.
    """
    taken = set[Path]()
    for path in outputs:
        place = place_of(path)
        if place in taken:
            raise OutputError(f"{path}: expected a place of its own for each output, found two at this one")
        taken.add(place)


def check_replaced(paths: Iterable[Path], *, overwrite: bool, way: str = "replace it by --overwrite") -> None:
    """Refuse to replace files that todpack did not write.

    Args:
        paths: Outputs.
        overwrite: Replace whatever is there.
        way: What the user can do about it.

    Raises:
        OutputError: one is there, and is another's.
    """
    for path in paths:
        if not overwrite and path.is_file() and not is_earlier_output(path):
            raise OutputError(f"{path}: is there, and was not written by todpack; {way}")
        (_guarded.discard if overwrite else _guarded.add)(place_of(path))


def check_outputs(
    files: Iterable[Path],
    inputs: Iterable[Path],
    *,
    overwrite: bool,
    folders: Iterable[Path] = (),
    way: str = "replace it by --overwrite",
) -> None:
    """Refuse what a command must not write, all that it writes together, before its work.

    Args:
        files: Files that it writes.
        inputs: What it reads.
        overwrite: Replace files whoever wrote them.
        folders: Folders that it writes, whose content is checked elsewhere.
        way: What the user can do about a file of somebody else.

    Raises:
        OutputError: see `refuse_inputs`, `refuse_twice` and `check_replaced`.
    """
    files, inputs, folders = list(files), list(inputs), list(folders)
    for path in (*files, *folders):
        if "\n" in str(path):  # a line about it could not be told from others
            raise OutputError(f"{shown(path)}: expected the path of an output without line ends")
        refuse_inputs(path, inputs)
    refuse_twice((*files, *folders))
    check_replaced(files, overwrite=overwrite, way=way)


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
            if place_of(path) in _guarded:  # somebody may have written there during the work
                check_replaced([path], overwrite=False)
            os.replace(staging, path)
            _guarded.discard(place_of(path))
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def write_text(path: Path, text: str, *, durable: bool = False) -> None:
    """`write_atomic` of UTF-8 text; arguments and errors as there."""
    write_atomic(path, lambda file: file.write(text.encode("utf-8")), durable=durable)


def write_json(path: Path, figures: Mapping[str, Any]) -> None:
    """`write_text` of figures as JSON that says who wrote it (`WRITTEN_BY`); arguments and errors as there."""
    write_text(path, json.dumps({**WRITTEN_BY, **figures}, indent=2, allow_nan=False) + "\n")


@contextlib.contextmanager
def exclusive_folder(path: Path) -> Iterator[None]:
    """A folder that one process works in at a time; created if need be, removed afterwards if it is empty.

    Raises:
        OutputError: it cannot be created, or another process works there.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(work_folder(path))
        except BlockingIOError as error:
            raise OutputError(
                f"{path}: another todpack is at work there; let it end, or give the output another name"
            ) from error
        except FileExistsError as error:
            raise OutputError(f"{path}: expected a folder, found a file") from error
        except OSError as error:
            raise OutputError(f"{path}: cannot be created: {error.strerror or error}") from error
        yield


def make_folder(path: Path) -> None:
    """Create a folder and its parents if need be.

    Raises:
        OutputError: it cannot be created, or a file is in its place; see `refuse_missing_before_up` too.
    """
    refuse_missing_before_up(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f"{path}: expected a folder, found a file") from error
    except OSError as error:
        raise OutputError(f"{path}: cannot be created: {error.strerror or error}") from error
