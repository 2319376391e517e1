"""The file that an archive is read from: a path, or what a caller has open."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from .errors import ArchiveError, RequestError, TruncatedArchiveError
from .forks import Lock

MOST_READ_BYTES = 1 << 30  # at once, by any system


class SourceFile:
    """An open file that is read at any place, by several threads and in forked processes.

    Attributes:
        path: The file; of one that a caller has open, a name for messages.
        size: Bytes that it had when it was opened.
    """

    def __init__(self, source: str | os.PathLike[str] | BinaryIO) -> None:
        """Open a file, or take one that is open, which is closed with this.

        Raises:
            ArchiveError: it cannot be opened or read, or is no regular file.
            RequestError: it is neither a path nor an open file.
        """
        self._lock = Lock()
        if isinstance(source, str | os.PathLike):
            self.path = Path(os.fsdecode(source))
            self._file = _open_regular(self.path)
        elif all(hasattr(source, call) for call in ("seek", "tell", "read", "close")):
            self.path, self._file = Path("<archive in memory>"), source
        else:
            raise RequestError(f"archive: expected a path or an open file, found {type(source).__name__}")
        try:
            self._descriptor = _descriptor_of(self._file)
            _asked(self._file, "seek", 0, os.SEEK_END)
            size = _asked(self._file, "tell")
            if type(size) is not int:
                raise OSError(f"expected a number of bytes of tell, found {type(size).__name__}")
            self.size: int = size
        except (OSError, ValueError) as error:  # ValueError: it was closed
            self._file.close()
            raise self._unreadable(error) from error
        except BaseException:
            self._file.close()
            raise

    def read(self, offset: int, n_bytes: int, what: str = "", section: str | None = None) -> bytes:
        """Bytes at a place, fewer at the end of the file.

        Args:
            offset: From the start of the file.
            n_bytes: How many.
            what: They are, for messages.
            section: Whose they are, for whoever catches the error.

        Raises:
            RequestError: the file is closed.
            ArchiveError: it cannot be read.
        """
        with self._lock.raw:  # close() may come from another thread, and another file get the descriptor's number
            if getattr(self._file, "closed", False):  # not every file of a caller's knows
                raise RequestError(f"{self._place(what)}: expected an open archive, found a closed one")
            try:
                # not more than the file had when it was opened: memory is taken for what is asked
                return self._read(offset, min(n_bytes, max(0, self.size - offset)))
            except (OSError, ValueError) as error:  # ValueError: it was closed, or is of text
                raise self._unreadable(error, what, section) from error

    def read_all(self, offset: int, n_bytes: int, what: str, section: str | None = None) -> bytes:
        """`read` of bytes that were there; arguments and errors as there.

        Raises:
            TruncatedArchiveError: the file ends before them.
        """
        stored = self.read(offset, n_bytes, what, section)
        if len(stored) != n_bytes:
            raise TruncatedArchiveError(f"{self.path}: {what}: the file became shorter", section=section)
        return stored

    def _read(self, offset: int, n_bytes: int) -> bytes:
        if self._descriptor is None:
            _asked(self._file, "seek", offset)
            return _read(self._file, n_bytes)
        parts = []
        while n_bytes > 0 and (part := os.pread(self._descriptor, min(n_bytes, MOST_READ_BYTES), offset)):
            parts.append(part)
            offset, n_bytes = offset + len(part), n_bytes - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _unreadable(self, error: Exception, what: str = "", section: str | None = None) -> ArchiveError:
        reason = getattr(error, "strerror", "") or error
        return ArchiveError(f"{self._place(what)}: cannot be read: {reason}", section=section)

    def _place(self, what: str) -> str:
        return f"{self.path}: {what}" if what else str(self.path)

    def close(self) -> None:
        """Close the file, once no thread reads it."""
        with self._lock.raw:
            self._descriptor = None
            self._file.close()


def _open_regular(path: Path) -> BinaryIO:
    """Open a file for reading, without waiting for the other end of a pipe.

    Raises:
        ArchiveError: it cannot be opened, or is no regular file.
    """
    try:
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
        try:
            kind = path.stat().st_mode
            file = os.fdopen(os.open(path, flags), "rb") if stat.S_ISREG(kind) else None
        except ValueError as error:  # a name that no file can have
            raise ArchiveError(f"{path!s:.255}: cannot be opened: {error}") from error
        if file is not None:
            kind = os.fstat(file.fileno()).st_mode  # what was opened may be another than what was looked at
            if stat.S_ISREG(kind):
                return file
            file.close()
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be opened: {error.strerror or error}") from error
    names = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"))
    found = next((name for test, name in names if test(kind)), "a device")
    raise ArchiveError(f"{path}: cannot be opened: expected a file, found {found}")


def _descriptor_of(file: BinaryIO) -> int | None:
    """The descriptor to read a file by without moving its place, which forked processes share; None where it has none.

    Other objects may have a descriptor of something else than what they read, such as a compressed file.
    """
    plain: Any = getattr(file, "file", file) if type(file).__module__ == "tempfile" else file
    if isinstance(plain, io.BufferedRandom):
        plain.flush()  # what was written to it is read past it
    is_buffered = isinstance(plain, io.BufferedReader | io.BufferedRandom)
    is_plain = isinstance(plain.raw if is_buffered else plain, io.FileIO)
    return file.fileno() if is_plain and hasattr(os, "pread") else None


def _asked(file: BinaryIO, call: str, *arguments: int) -> Any:
    """What a caller's file answers; what its reader raises, such as one of compressed files, is an OSError.

    Raises:
        OSError: the file has.
        ValueError: it is closed.
    """
    try:
        return getattr(file, call)(*arguments)
    except (OSError, ValueError, MemoryError):
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


def _read(file: BinaryIO, n_bytes: int) -> bytes:
    """So many bytes, fewer at the end; one call may give less.

    Raises:
        BlockingIOError: there are none at the moment.
        OSError: it gives something else than bytes, or more than is asked for.
    """
    parts, left = list[bytes](), n_bytes
    while left > 0:
        data = _asked(file, "read", left)
        if data is None:
            if not parts:
                raise BlockingIOError("expected a file that waits for its bytes, found one that does not")
            break
        if not isinstance(data, bytes | bytearray | memoryview):
            kind = "text" if isinstance(data, str) else type(data).__name__
            raise OSError(f"expected a file of bytes, found one of {kind}")
        parts.append(bytes(data))
        left -= len(parts[-1])
        if left < 0:
            raise OSError(f"expected at most {n_bytes} bytes of a read, found {n_bytes - left}")
        if not parts[-1]:
            break
    return parts[0] if len(parts) == 1 else b"".join(parts)
