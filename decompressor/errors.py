"""Every error a user can cause or meet, each with a one-line message (what, where, expected, found).

TodpackError
├── ArchiveError                  the file is not an archive this reader can use
│   ├── NotAnArchiveError         wrong magic, or too short to hold a header
│   ├── UnsupportedVersionError   a major version this reader does not know
│   ├── TruncatedArchiveError     the file is shorter (or longer) than its header says
│   ├── DamagedArchiveError       a checksum does not match
│   ├── InvalidMetadataError      metadata.json breaks FORMAT.md
│   ├── InvalidSectionError       a section breaks FORMAT.md (codec, shape, size)
│   ├── InvalidGraphError         an ONNX graph breaks FORMAT.md or cannot run
│   └── LimitExceededError        the archive asks for more than the caller's limits allow
├── RequestError                  a time, region or texel outside of what the archive holds
├── OutputError                   an output cannot be written
├── MissingPackageError           a package that the work needs is not installed
├── DataError                     (frames) an input that cannot be read as a day of lightmaps
├── ConfigError                   (packer) an option or preset that is out of range, unknown or contradictory
├── PackError                     (packer) a run folder that cannot be packed, or an option that is not possible
├── TrainingError                 (trainer) a run that cannot go on
├── EvalError                     (eval) a measurement that cannot be made
└── SubmissionError               (submission) a submission that cannot be built or checked
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class TodpackError(Exception):
    """Base of all typed errors; `str(error)` is one line for the user."""


class ArchiveError(TodpackError):
    """The file is not an archive this reader can use.

    Attributes:
        section: Name of the section at fault; None where it is not one section.
        tile: Number of the tile that does not decode; None where it is not one tile.
    """

    def __init__(self, message: str, *, section: str | None = None) -> None:
        super().__init__(message)
        self.section = section
        self.tile: int | None = None


class NotAnArchiveError(ArchiveError):
    """Wrong magic, or too short to hold a header."""


class UnsupportedVersionError(ArchiveError):
    """A major version this reader does not know."""


class TruncatedArchiveError(ArchiveError):
    """The file is shorter or longer than its header says."""


class DamagedArchiveError(ArchiveError):
    """A checksum does not match."""


class InvalidMetadataError(ArchiveError):
    """`metadata.json` breaks FORMAT.md."""


class InvalidSectionError(ArchiveError):
    """A section breaks FORMAT.md."""


class InvalidGraphError(ArchiveError):
    """An ONNX graph breaks FORMAT.md or cannot run."""


class LimitExceededError(ArchiveError):
    """The archive asks for more than the caller's limits allow."""


class RequestError(TodpackError):
    """A time, region or texel outside of what the archive holds."""


class OutputError(TodpackError):
    """An output cannot be written."""


class MissingPackageError(TodpackError):
    """A package that the work needs is not installed."""


@contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """Around imports: turn a package that is not installed into one line that names the extra which brings it.

    Args:
        extra: Of todpack, such as "pack".
        what: That needs it, such as "compress".

    Raises:
        MissingPackageError: an import found no such package.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"{what} needs {(error.name or '').partition('.')[0]}: pip install 'todpack[{extra}]'"
        ) from error
