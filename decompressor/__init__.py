"""Decode todpack archives with numpy, onnxruntime and zstandard; this folder works on its own.

from decompressor import open_archive
with open_archive("scene.tod") as archive:
    noon = archive.decode(12.0)                       # (H, W, 3) uint8
    texel = archive.texel(10, 20, 18.5)               # (3,) uint8
"""

from decompressor.archive import Archive, Lightmap, Region, open_archive
from decompressor.errors import (
    ArchiveError,
    DamagedArchiveError,
    InvalidGraphError,
    InvalidMetadataError,
    InvalidSectionError,
    LimitExceededError,
    NotAnArchiveError,
    OutputError,
    RequestError,
    TodpackError,
    TruncatedArchiveError,
    UnsupportedVersionError,
)
from decompressor.limits import Limits

__all__ = [
    "Archive",
    "ArchiveError",
    "DamagedArchiveError",
    "InvalidGraphError",
    "InvalidMetadataError",
    "InvalidSectionError",
    "Lightmap",
    "LimitExceededError",
    "Limits",
    "NotAnArchiveError",
    "OutputError",
    "Region",
    "RequestError",
    "TodpackError",
    "TruncatedArchiveError",
    "UnsupportedVersionError",
    "open_archive",
]
