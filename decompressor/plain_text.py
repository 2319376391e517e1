"""Text that a file brought along, on its way to a terminal: one that shows it must not obey it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO

MOST_NAMES = 5
MAX_LINE = 300
"""Characters of an error's line."""
_GAP = " ... "
_PLAIN = "\n\t"


def printable(text: str) -> str:
    """A text whose control characters, lone surrogates and the like are escaped; line ends stay."""
    if text.isprintable():
        return text
    return "".join(
        c if c in _PLAIN or c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode("ascii")
        for c in text
    )


def shown(name: object) -> str:
    """A name or a path within a line: its line ends are escaped too."""
    return printable(str(name)).replace("\n", "\\n").replace("\t", "\\t")


def plain_name(name: str) -> str:
    """A name whose characters that no terminal shows are spaces or underscores, as archives have it."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "_" for c in name)


def one_line(text: str) -> str:
    """A text in one line of at most MAX_LINE characters that any terminal can show; a longer one lacks its middle."""
    if len(text) > 4 * MAX_LINE:  # not all of what may be megabytes is looked at
        text = f"{text[: 2 * MAX_LINE]}{_GAP}{text[-2 * MAX_LINE :]}"
    line = printable(" ".join(text.split()))
    tail = MAX_LINE // 3
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - tail - len(_GAP)]}{_GAP}{line[-tail:]}"


def some(names: Sequence[str]) -> str:
    """The first MOST_NAMES of many names, for a line."""
    return ", ".join([*names[:MOST_NAMES], *["..."][: len(names) > MOST_NAMES]])


class PlainText:
    """A text stream whose control characters are escaped, but for line ends.

    Attributes:
        stream: Where it goes; what is written there directly goes as it is.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write text; characters that the stream's encoding lacks are escaped too."""
        plain = printable(text)
        try:
            return self.stream.write(plain)
        except UnicodeEncodeError:
            encoding = self.stream.encoding or "ascii"
            return self.stream.write(plain.encode(encoding, "backslashreplace").decode(encoding))

    def writelines(self, lines: Iterator[str]) -> None:
        """`write` of each."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class _StandardError(PlainText):
    """Where it cannot be written, on a full disk or behind a closed pipe, nobody can be told; the work goes on."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self.stream.flush()


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return shown(super().format(record))


def log_to_stderr() -> None:
    """Messages of all levels from INFO on go to standard error, each in one line; once in a process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("todpack: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _open_descriptors() -> None:
    """Standard streams that the process was started without: else a file that is opened would be one of them."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free


@contextmanager
def plain_streams() -> Iterator[None]:
    """Standard output and error as `PlainText`, there in any case, for the time of a command."""
    before = sys.stdout, sys.stderr
    if None in before:
        _open_descriptors()
    out, err = (open(os.devnull, "w") if s is None else s for s in before)  # noqa: SIM115
    sys.stdout = out if isinstance(out, PlainText) else PlainText(out)
    sys.stderr = err if isinstance(err, PlainText) else _StandardError(err)
    try:
        yield
    finally:
        try:
            err.flush()
        except OSError:  # a full disk: what was done is done
            os.dup2(os.open(os.devnull, os.O_WRONLY), err.fileno())
        sys.stdout, sys.stderr = before
        for stream, given in ((out, before[0]), (err, before[1])):
            if given is None:
                stream.close()
