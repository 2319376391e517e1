"""Compress a day of lightmaps into one small archive, and give any hour back almost for free.

    import todpack
    todpack.compress("frames", "scene.tod", target_psnr_db=42)
    with todpack.open_archive("scene.tod") as archive:
        noon = archive.decode(12.0)                    # (H, W, 3) uint8
    todpack.score("scene.tod", "frames").psnr_db

Every error is a `TodpackError`; decompressor/errors.py draws the tree. Names are imported when they are asked for:
importing todpack and decoding load neither scipy, onnx nor torch. docs/api.md has the whole reference.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from todpack.api import CompressReport, compress, score
    from todpack.decompressor.archive import Archive, open_archive
    from todpack.decompressor.errors import (
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
    from todpack.decompressor.lightmap import Lightmap, Region
    from todpack.decompressor.limits import Limits
    from todpack.decompressor.verify import Verdict
    from todpack.decompressor.verify import verify_archive as verify
    from todpack.eval.errors import EvalError
    from todpack.eval.measures.score import ScoreReport
    from todpack.frames import Day, read_day
    from todpack.frames.errors import DataError
    from todpack.packer.errors import ConfigError, PackError
    from todpack.submission.errors import SubmissionError
    from todpack.trainer.errors import TrainingError

_HOMES = {
    "api": ("CompressReport", "compress", "score"),
    "decompressor.archive": ("Archive", "open_archive"),
    "decompressor.errors": (
        "ArchiveError",
        "DamagedArchiveError",
        "InvalidGraphError",
        "InvalidMetadataError",
        "InvalidSectionError",
        "LimitExceededError",
        "MissingPackageError",
        "NotAnArchiveError",
        "OutputError",
        "RequestError",
        "TodpackError",
        "TruncatedArchiveError",
        "UnsupportedVersionError",
    ),
    "decompressor.lightmap": ("Lightmap", "Region"),
    "decompressor.limits": ("Limits",),
    "decompressor.verify": ("Verdict", "verify"),
    "eval.errors": ("EvalError",),
    "eval.measures.score": ("ScoreReport",),
    "frames": ("Day", "read_day"),
    "frames.errors": ("DataError",),
    "packer.errors": ("ConfigError", "PackError"),
    "submission.errors": ("SubmissionError",),
    "trainer.errors": ("TrainingError",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_OTHER_NAMES = {"verify": "verify_archive"}

__all__ = [
    "Archive",
    "ArchiveError",
    "CompressReport",
    "ConfigError",
    "DamagedArchiveError",
    "DataError",
    "Day",
    "EvalError",
    "InvalidGraphError",
    "InvalidMetadataError",
    "InvalidSectionError",
    "Lightmap",
    "LimitExceededError",
    "Limits",
    "MissingPackageError",
    "NotAnArchiveError",
    "OutputError",
    "PackError",
    "Region",
    "RequestError",
    "ScoreReport",
    "SubmissionError",
    "TodpackError",
    "TrainingError",
    "TruncatedArchiveError",
    "UnsupportedVersionError",
    "Verdict",
    "__version__",
    "compress",
    "open_archive",
    "read_day",
    "score",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("todpack")
        except PackageNotFoundError:
            return "0 (not installed)"
    if name not in _HOME_OF:
        raise AttributeError(f"module 'todpack' has no attribute {name!r}")
    module = importlib.import_module(f"todpack.{_HOME_OF[name]}")
    return getattr(module, _OTHER_NAMES.get(name, name))


def __dir__() -> list[str]:
    return sorted(__all__)
