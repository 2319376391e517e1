"""`manifest.json`: every file of a bundle with its size and SHA-256."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from todpack.decompressor.json_fields import read_shallow

from .errors import SubmissionError

MANIFEST_NAME = "manifest.json"
MANIFEST_FORMAT = 1


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return (
            hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _slow_digest(file)
        )


def _slow_digest(file: Any) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def bundle_files(folder: Path) -> list[str]:
    """Relative paths of a bundle's files but the manifest, sorted; what Python caches is not part of it."""
    names = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return sorted(name.as_posix() for name in names if name.as_posix() != MANIFEST_NAME)


def make_manifest(folder: Path, archive: str, version: str) -> dict[str, Any]:
    """Describe a bundle.

    Args:
        folder: The bundle.
        archive: Name of the archive in it.
        version: The version of todpack that built it.
    """
    files: dict[str, dict[str, Any]] = {
        n: {"bytes": (folder / n).stat().st_size, "sha256": _digest(folder / n)} for n in bundle_files(folder)
    }
    return {
        "manifest_format": MANIFEST_FORMAT,
        "todpack": version,
        "archive": archive,
        "archive_bytes": files[archive]["bytes"],
        "bundle_bytes": sum(f["bytes"] for f in files.values()),
        "files": files,
    }


def is_inside(name: str) -> bool:
    """Whether a name is a plain relative path that stays in its folder, on any system."""
    parts = name.split("/")
    return not any(part in ("", ".", "..") for part in parts) and not any(c in name for c in "\\:\0")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a bundle's manifest.

    Raises:
        SubmissionError: missing or not a manifest.
    """
    path = folder / MANIFEST_NAME
    if not path.is_file():
        other = (folder / "Interface.py").is_file()
        hint = "one in the contest's layout is checked by --layout contest" if other else "make one by `submit build`"
        raise SubmissionError(f"{folder}: expected a submission with {MANIFEST_NAME}, found none; {hint}")
    try:
        manifest = read_shallow(path)
        usable = (
            manifest["manifest_format"] == MANIFEST_FORMAT
            and isinstance(manifest["todpack"], str)
            and isinstance(manifest["archive"], str)
            and all(isinstance(f["bytes"], int) and isinstance(f["sha256"], str) for f in manifest["files"].values())
            and manifest["archive"] in manifest["files"]
            and all(is_inside(name) for name in manifest["files"])
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SubmissionError(f"{path}: not a readable manifest: {error!r}") from error
    if not usable:
        raise SubmissionError(f"{path}: expected a manifest of format {MANIFEST_FORMAT}, found something else")
    fields: dict[str, Any] = manifest
    return fields


def written_files(folder: Path) -> set[str] | None:
    """Files of a bundle by its manifest, which is one of them; None where a folder is no bundle."""
    try:
        return {*read_manifest(folder)["files"], MANIFEST_NAME}
    except SubmissionError:
        return None


def manifest_faults(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """What differs between a bundle and its manifest, one line each; empty where all is as it was built."""
    expected, found = set(manifest["files"]), set(bundle_files(folder))
    faults = [f"{name}: missing" for name in sorted(expected - found)]
    faults += [f"{name}: not in the manifest" for name in sorted(found - expected)]
    for name in sorted(expected & found):
        size, digest = (folder / name).stat().st_size, _digest(folder / name)
        wanted = manifest["files"][name]
        if (size, digest) != (wanted["bytes"], wanted["sha256"]):
            faults.append(f"{name}: changed since it was built ({wanted['bytes']} bytes then, {size} now)")
    return faults
