"""Read a folder of equally sized images as one day."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .contest import is_dataset, open_dataset
from .day import HOURS_PER_DAY, Day
from .errors import DataError
from .frame_order import natural_key
from .image_file import read_mask, read_rgb_codes

FRAME_SUFFIXES = (".png", ".jpg", ".jpeg")
MASK_NAME = "valid.png"
USUAL_FRAMES = 24


def _frame_paths(folder: Path) -> list[Path]:
    """Frames in order of time.

    Raises:
        DataError: the folder cannot be listed, or something that is no file has the name of a frame.
    """
    try:
        names = [p for p in folder.iterdir() if p.suffix.lower() in FRAME_SUFFIXES and p.name != MASK_NAME]
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed: {error.strerror or error}") from error
    frames = sorted(names, key=natural_key)
    for path in frames:
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "a link to nothing" if path.is_symlink() else "a device"
            raise DataError(f"{path}: expected a PNG or JPEG frame, found {kind}")
    return frames


def find_frames(path: Path) -> tuple[Path, list[Path]]:
    """Find the folder that holds the frames (`path` or `path/png`) and its frames in order of time.

    Raises:
        DataError: no such folder, or it holds no PNG or JPEG, or only one.
    """
    if not path.exists():
        raise DataError(f"{path}: expected a folder of PNG or JPEG frames, found nothing there")
    if not path.is_dir():
        raise DataError(f"{path}: expected a folder of PNG or JPEG frames, found a file")
    folder, frames = path, _frame_paths(path)
    if not frames and (path / "png").is_dir():
        folder, frames = path / "png", _frame_paths(path / "png")
    if not frames:
        raise DataError(f"{path}: expected a folder of PNG or JPEG frames, found none of these in it")
    if len(frames) == 1:
        raise DataError(
            f"{folder}: expected a day of at least 2 frames (usually {USUAL_FRAMES}), found 1: {frames[0].name}"
        )
    return folder, frames


def find_mask(folder: Path) -> Path | None:
    """The mask beside the frames folder or in it, if there is one."""
    for candidate in (folder / MASK_NAME, folder.parent / MASK_NAME):
        if candidate.is_file():
            return candidate
    return None


def _only_lightmap(
    path: Path, mask: str | Path | None, lightmap: str | None, on_frame: Callable[[int, int], None] | None
) -> Day:
    if mask is not None:
        raise DataError(f"{mask}: a contest dataset has masks of its own; expected no --mask")
    dataset = open_dataset(path)
    if lightmap is None and len(dataset.entries) > 1:
        raise DataError(
            f"{path}: expected one lightmap, found a dataset of {len(dataset.entries)}; choose one by --lightmap "
            f"(such as {dataset.entries[0].name}), or compress all into one archive by todpack compress"
        )
    return dataset.read(dataset.entries[0] if lightmap is None else dataset.find(lightmap), on_frame)


def read_day(
    path: str | Path,
    mask: str | Path | None = None,
    on_frame: Callable[[int, int], None] | None = None,
    *,
    lightmap: str | None = None,
) -> Day:
    """Read a day: equally sized PNG/JPEG frames sorted by name, the i-th of T at 24 i / T hours, or a contest lightmap.

    Args:
        path: The folder, or one that holds the frames in `png/`, or a contest dataset (trainer/data/contest.py).
        mask: Mask image; otherwise `valid.png` in the frames folder or beside it; otherwise every texel that is not
            exactly black in all frames is valid.
        on_frame: Called with (frames read, frames in all), for progress.
        lightmap: Which one of a contest dataset, such as L_Courtyard_0; may be left out where there is only one.

    Returns:
        The day, `transfer == "srgb8"`, of a contest dataset `"linear"`; its warnings name what is unusual about it.

    Raises:
        DataError: the folder is missing or holds under 2 frames, a frame is unreadable or of another size than the
            first, the mask does not fit.
    """
    if is_dataset(Path(path)):
        return _only_lightmap(Path(path), mask, lightmap, on_frame)
    if lightmap is not None:
        raise DataError(f"{path}: expected a contest dataset to choose the lightmap {lightmap!r} from, found none")
    folder, frames = find_frames(Path(path))
    warnings: list[str] = []
    if len(frames) != USUAL_FRAMES:
        warnings.append(
            f"{folder}: expected {USUAL_FRAMES} frames, found {len(frames)}; they are spread evenly over the 24 hours"
        )
    radiance: np.ndarray | None = None
    for index, file in enumerate(frames):
        codes = read_rgb_codes(file)
        if radiance is None:
            radiance = np.empty((len(frames), *codes.shape), np.float32)
        if codes.shape != radiance.shape[1:]:
            raise DataError(
                f"{file}: all frames must have one size: expected {radiance.shape[2]} x {radiance.shape[1]} "
                f"(as {frames[0].name}), found {codes.shape[1]} x {codes.shape[0]}"
            )
        radiance[index] = codes
        if on_frame is not None:
            on_frame(index + 1, len(frames))
    assert radiance is not None
    mask_path = Path(mask) if mask is not None else find_mask(folder)
    if mask_path is not None:
        if not mask_path.is_file():
            raise DataError(f"{mask_path}: expected a mask image, found nothing there")
        valid = read_mask(mask_path, radiance.shape[1], radiance.shape[2])
    else:
        valid = (radiance != 0).any(axis=(0, 3))
        if not valid.any():
            raise DataError(f"{folder}: every texel is exactly black in every frame; give the valid texels by --mask")
    name = folder.parent.resolve().name if folder.name == "png" else folder.resolve().name
    return Day(
        radiance=radiance,
        valid=valid,
        hours=np.arange(len(frames)) * (HOURS_PER_DAY / len(frames)),
        transfer="srgb8",
        name=name or "lightmap",
        source_bytes=sum(f.stat().st_size for f in frames),
        warnings=tuple(warnings),
    )
