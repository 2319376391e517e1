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
└── OutputError                   an output cannot be written
"""

from __future__ import annotations


class TodpackError(Exception):
    """Base of all typed errors; `str(error)` is one line for the user."""


class ArchiveError(TodpackError):
    """The file is not an archive this reader can use."""


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
