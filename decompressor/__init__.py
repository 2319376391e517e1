"""Decode todpack archives with numpy, onnxruntime and zstandard; this folder works on its own.

from decompressor import open_archive
with open_archive("scene.tod") as archive:
    noon = archive.decode(12.0)                       # (H, W, 3) uint8
    texel = archive.texel(10, 20, 18.5)               # (3,) uint8

Names are imported when they are asked for: the wavelet and the temporal matrix alone need numpy only.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .archive import Archive, open_archive
    from .errors import (
        ArchiveError,
        DamagedArchiveError,
        InvalidGraphError,
        InvalidMetadataError,
        InvalidSectionError,
        LimitExceededError,
        MissingPackageError,
        NotAnArchiveError,
        OutputError,
        RequestError,
        TodpackError,
        TruncatedArchiveError,
        UnsupportedVersionError,
    )
    from .lightmap import Lightmap, Region
    from .limits import Limits

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
    "MissingPackageError",
    "NotAnArchiveError",
    "OutputError",
    "Region",
    "RequestError",
    "TodpackError",
    "TruncatedArchiveError",
    "UnsupportedVersionError",
    "open_archive",
]

_MODULES = {
    "Archive": "archive",
    "Lightmap": "lightmap",
    "Region": "lightmap",
    "open_archive": "archive",
    "Limits": "limits",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_MODULES.get(name, 'errors')}", __name__), name)
