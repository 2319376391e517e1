"""The fields of metadata.json that all model families share. FORMAT.md "Metadata"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from .errors import InvalidMetadataError, LimitExceededError, UnsupportedVersionError
from .json_fields import Fields
from .limits import Limits

MODEL_TYPES = ("daybasis", "gridmlp", "siren")
TRANSFERS = ("srgb8", "linear")
FEATURES = ("smoothing", "curve", "dictionary", "digest", "outliers", "adaptive", "probes", "maps", "packed")
"""What an archive may require of a reader beyond version 1.0."""
MAX_SIDE = 1 << 20
MAX_HOURS = 4096
MAX_LIGHTMAPS = 1 << 16


@dataclass(frozen=True)
class LightmapEntry:
    """One lightmap as the metadata gives it.

    Attributes:
        index: Position in `lightmaps`.
        name: Unique within the archive.
        height: H, rows.
        width: W, columns.
        n_valid: Valid texels.
        mask: Name of the mask's section; None where every texel is valid.
        model: The family's own fields.
        outliers: Name of the section of outliers; None: there are none.
    """

    index: int
    name: str
    height: int
    width: int
    n_valid: int
    mask: str | None
    model: Fields
    outliers: str | None = None


@dataclass(frozen=True)
class ArchiveEntry:
    """The metadata's shared fields, checked.

    Attributes:
        model_type: Model family.
        transfer: "srgb8" or "linear".
        hours: (T,) float64 stored times, ascending in [0, 24).
        lightmaps: In file order.
    """

    model_type: str
    transfer: str
    hours: np.ndarray
    lightmaps: tuple[LightmapEntry, ...]


def is_digest(value: Any) -> TypeGuard[str]:
    """Whether it is a SHA-256 in hexadecimal digits."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _read_hours(fields: Fields) -> np.ndarray:
    hours = np.asarray(fields.numbers("hours", 1, MAX_HOURS), np.float64)
    if not (np.all(hours >= 0.0) and np.all(hours < 24.0) and np.all(np.diff(hours) > 0.0)):
        raise InvalidMetadataError(f"{fields.where}.hours: expected times ascending in [0, 24), found others")
    times = hours.astype(np.float32)  # as graphs take them
    if not (np.all(np.diff(times) > 0.0) and times[-1] < min(np.float32(24.0), times[0] + np.float32(24.0))):
        raise InvalidMetadataError(f"{fields.where}.hours: expected times that float32 tells apart, found closer ones")
    hours.flags.writeable = False
    return hours


def _read_lightmap(entry: Any, index: int, where: str, limits: Limits) -> LightmapEntry:
    fields = Fields(entry, f"{where}.lightmaps[{index}]")
    height, width = fields.integer("height", 1, MAX_SIDE), fields.integer("width", 1, MAX_SIDE)
    if height * width > limits.texels:
        raise LimitExceededError(f"{fields.where}: {width} x {height} texels are over the limit of {limits.texels}")
    return LightmapEntry(
        index=index,
        name=fields.text("name"),
        height=height,
        width=width,
        n_valid=fields.integer("valid_texels", 1, height * width),
        mask=None if fields.is_null("mask") else fields.text("mask"),
        model=fields.child("model"),
        outliers=None if fields.is_absent("outliers") else fields.text("outliers"),
    )


def _check_required(fields: Fields) -> None:
    """Refuse an archive that would decode wrongly without something that this reader does not know."""
    if fields.is_absent("requires"):
        return
    unknown = [name for name in fields.items("requires", 0, 256) if name not in FEATURES]
    if unknown:
        raise UnsupportedVersionError(
            f"{fields.where}.requires: expected features of {', '.join(FEATURES)}, found {unknown[0]!r:.40}; "
            "a newer todpack reads it"
        )
    if "digest" in fields.items("requires", 0, 256) and not is_digest(fields.text("sha256")):
        raise InvalidMetadataError(f"{fields.where}.sha256: expected 64 hexadecimal digits, found others")


def read_archive_entry(metadata: dict[str, Any], path: Path, version: tuple[int, int], limits: Limits) -> ArchiveEntry:
    """Check the shared fields.

    Args:
        metadata: Parsed metadata.json.
        path: The file, for messages.
        version: (major, minor) of the header, which `version` must repeat.
        limits: Caps.

    Raises:
        InvalidMetadataError: a field is missing, of a wrong type or out of range.
        UnsupportedVersionError: it requires a feature that this reader does not have.
        LimitExceededError: a lightmap is too large.
    """
    fields = Fields(metadata, f"{path}: metadata.json")
    text = fields.text("version")
    if text != f"{version[0]}.{version[1]}":
        raise InvalidMetadataError(f"{fields.where}.version: expected {version[0]}.{version[1]}, found {text!r}")
    _check_required(fields)
    entries = fields.items("lightmaps", 1, MAX_LIGHTMAPS)
    lightmaps = tuple(_read_lightmap(e, i, fields.where, limits) for i, e in enumerate(entries))
    if len({m.name for m in lightmaps}) != len(lightmaps):
        raise InvalidMetadataError(f"{fields.where}.lightmaps: expected different names, found one twice")
    return ArchiveEntry(
        model_type=fields.choice("model_type", MODEL_TYPES),
        transfer=fields.choice("transfer", TRANSFERS),
        hours=_read_hours(fields),
        lightmaps=lightmaps,
    )
