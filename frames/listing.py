"""Which files of a folder are the frames of a day, and which are masks or something else."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from todpack.decompressor.metadata import MAX_HOURS
from todpack.decompressor.plain_text import plain_name, some
from todpack.decompressor.signatures import is_earlier_output

from .errors import DataError
from .formats import KINDS, Kind, kind_of
from .time_text import apart

_MASK_WORD = re.compile(r"(?<![a-z])(valid|masks?|coverage)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Listing:
    """The frames of a folder.

    Attributes:
        folder: Where they lie.
        kind: Of all of them.
        files: At least 2, in no order that means anything.
        masks: What is called a mask in the folder, of any kind.
        warnings: Lines for the user.
    """

    folder: Path
    kind: Kind
    files: tuple[Path, ...]
    masks: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Short name of the day, from the folder; characters that no terminal shows are spaces or underscores."""
        folder = Path(os.path.abspath(self.folder))  # a link has a name of its own
        name = (folder.parent if folder.name == "png" else folder).name or "lightmap"
        return plain_name(name)


def is_mask_name(name: str) -> bool:
    """Whether a file is called a mask: valid.png, Mask.TGA, lightmap_mask.png, UVMask.png."""
    return _MASK_WORD.search(apart(name)) is not None


def _holds_masks(folder: str) -> bool:
    """Whether a folder is called one of masks: mask, Valid, lightmap_masks; Gas_Mask may be a lightmap."""
    words = [word.lower() for word in _MASK_WORD.findall(apart(folder))]
    return "masks" in words or words == [folder.lower()]


def _entries(folder: Path) -> list[Path]:
    """Everything of a kind that is read; what begins with a dot is of the system (such as AppleDouble's ._tod_00.png).

    Raises:
        DataError: the folder cannot be listed.
    """
    try:
        return sorted(p for p in folder.iterdir() if kind_of(p) is not None and not p.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed: {error.strerror or error}") from error


def _same(path: Path, mask: Path | None) -> bool:
    try:
        return mask is not None and path.samefile(mask)
    except OSError:
        return False


def _split(folder: Path, mask: Path | None) -> tuple[list[Path], list[Path]]:
    """Frames and masks."""
    entries = [path for path in _entries(folder) if not _same(path, mask)]
    frames = [path for path in entries if not is_mask_name(path.stem)]
    return frames, [path for path in entries if is_mask_name(path.stem)]


def _find(path: Path, mask: Path | None) -> tuple[Path, list[Path], list[Path]]:
    """The folder of the frames, which is `path` or png/ in it, the frames and the masks.

    Where everything is called a mask, and no frames are in folders within, only what has just such a name is one.
    """
    frames, masks = _split(path, mask)
    if not frames and os.path.isdir(path / "png"):
        inner, beside = _split(path / "png", mask)
        if inner:
            return path / "png", inner, beside or masks
        named, only = _of_frames_called_masks(beside)
        if len(named) > 1:
            return path / "png", named, only or masks
    named, only = _of_frames_called_masks(masks)
    if not frames and len(named) > 1 and not any(_split(inside, None)[0] for inside in _folders_in(path)):
        return path, named, only
    return path, frames, masks


def _of_frames_called_masks(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Frames of a lightmap that is called a mask (Gas_Mask_00.png), and masks beside them (valid.png)."""
    only = [path for path in files if _MASK_WORD.fullmatch(path.stem)]
    return [path for path in files if path not in only], only


def _folders_in(path: Path) -> list[Path]:
    """Folders in a folder by name, none where it cannot be listed; what begins with a dot is of the system."""
    try:
        return [inside for inside in sorted(path.iterdir()) if os.path.isdir(inside) and inside.name[0] != "."]
    except OSError:
        return []


def count_frames(folder: Path) -> int:
    """How many frames of any kind a folder has, in it or in png/."""
    if not os.path.isdir(folder):
        return 0
    in_png = len(_split(folder / "png", None)[0]) if os.path.isdir(folder / "png") else 0
    return max(len(_find(folder, None)[1]), in_png)


def folders_of_frames(path: Path) -> list[Path]:
    """The folders in a folder that have frames and are not called masks, by name; none where it cannot be listed.

    Raises:
        DataError: one of them cannot be listed.
    """
    return [inside for inside in _folders_in(path) if not _holds_masks(inside.name) and count_frames(inside)]


def folders_around_frames(path: Path, known: Collection[Path]) -> list[str]:
    """Names of the folders in a folder that are none of `folders_of_frames`, but have folders with frames in them."""
    others = (inside for inside in _folders_in(path) if inside not in known and not _holds_masks(inside.name))
    return [inside.name for inside in others if _beside(inside)]


def _beside(path: Path) -> list[str]:
    """Names of the folders with frames in a folder of frames; one that cannot be looked into may be anything."""
    names = []
    for inside in _folders_in(path):
        with contextlib.suppress(DataError):
            if not _holds_masks(inside.name) and count_frames(inside):
                names.append(inside.name)
    return names


def list_frames(path: Path, mask: Path | None = None) -> Listing:
    """Find the frames in `path`, or in `path/png`.

    Args:
        path: The folder.
        mask: The mask that the user names, which is no frame whatever it is called.

    Raises:
        DataError: no such folder, or it holds no frames, or only one.
    """
    if not os.path.isdir(path):
        found = "a file" if os.path.exists(path) else "nothing there"
        raise DataError(f"{path}: expected a folder of frames, found {found}")
    lines = list[str]()
    folder, frames, masks = _find(path, mask)
    if folder != path:
        beside = [name for name in _beside(path) if name != "png"]
        lines += [f"{path}: png/ is the day; {some(beside)} beside it left out"] if beside else []
    if not frames:
        names = ", ".join(kind.name for kind in KINDS)
        only = f"only what is called a mask, such as {masks[0].name}" if masks else f"none in it ({names})"
        raise DataError(f"{path}: expected a folder of frames, found {only}")
    counts = {kind.name: [p for p in frames if kind_of(p) is kind] for kind in KINDS}
    most = max(len(files) for files in counts.values())
    kind = next(kind for kind in KINDS if 2 * len(counts[kind.name]) > most or len(counts[kind.name]) == most)
    files = counts[kind.name]
    if len(files) == 1:
        raise DataError(f"{folder}: expected a day of at least 2 frames (usually 24), found 1: {files[0].name}")
    if len(files) > MAX_HOURS:
        raise DataError(f"{folder}: expected a day of at most {MAX_HOURS} frames, found {len(files)}")
    for file in files:
        try:
            file.stat()
        except PermissionError as error:
            raise DataError(f"{file}: cannot be read: {error.strerror}") from error
        except OSError:
            pass
        if not os.path.isfile(file):
            found = "a folder" if os.path.isdir(file) else "a device" if os.path.exists(file) else "a link to nothing"
            raise DataError(f"{file}: expected a {kind.name} frame, found {found}")
    others = [f"{len(found)} {name}" for name, found in counts.items() if found and name != kind.name]
    if others:
        lines.append(f"{folder}: the {len(files)} {kind.name} files are the day; {' and '.join(others)} are left out")
    left_out = _beside(path) if folder == path else []
    if left_out:
        lines.append(
            f"{folder}: the {len(files)} files in it are the day; folders with frames beside them are left out: "
            f"{some(left_out)}"
        )
    ours = [file for file in files if is_earlier_output(file)]
    if 0 < len(ours) < len(files):
        lines.append(
            f"{folder}: {len(ours)} of {len(files)} frames were written by todpack, such as {ours[0].name}, the others "
            "were not; all are the day"
        )
    return Listing(folder, kind, tuple(files), tuple(masks), tuple(lines))
