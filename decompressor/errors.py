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

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from .plain_text import one_line


class TodpackError(Exception):
    """Base of all typed errors; `str(error)` is one line for the user, which any terminal can show."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


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


EXTRAS = {
    "OpenEXR": "exr",
    "av": "peers",
    "bjontegaard": "compare",
    "imagecodecs": "hdr",
    "ispc_texcomp": "peers",
    "lpips": "lpips",
    "matplotlib": "compare",
    "onnx": "pack",
    "optuna": "search",
    "ray": "ray",
    "scipy": "pack",
    "threadpoolctl": "pack",
    "torch": "train",
}
"""The extra of todpack that brings a package; others belong to the plain install."""


def missing_package(error: ModuleNotFoundError, extra: str | None = None) -> str:
    """What is missing, and how to get it: "scipy: pip install 'todpack[pack]'".

    Args:
        error: Of an import.
        extra: Of todpack, that brings it unless the plain install does; None looks it up.
    """
    name = (error.name or str(error)).partition(".")[0]
    extra = (extra or EXTRAS[name]) if name in EXTRAS else None
    wanted = name if extra is None else f"'todpack[{extra}]'"
    return f"{name}: pip install {wanted}"


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
        raise MissingPackageError(f"{what} needs {missing_package(error, extra)}") from error


def require_packages(what: str, *names: str) -> None:
    """Refuse, before the work, what would miss a package only after a part of it was done.

    Args:
        what: That needs them.
        names: Of the packages, as they are imported.

    Raises:
        MissingPackageError: the first that is not installed.
    """
    for name in names:
        is_there = sys.modules[name] is not None if name in sys.modules else find_spec(name) is not None
        if not is_there:
            missing = ModuleNotFoundError(name=name)
            raise MissingPackageError(f"{what} needs {missing_package(missing)}") from missing
