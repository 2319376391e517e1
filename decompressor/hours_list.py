"""The hours of decoded frames in a folder: what names and hours.txt tell, and how the list is kept."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from .errors import OutputError
from .files import check_replaced, write_text
from .hours_file import HEADING, NAME, UNSIGNED, hour_of_name, hour_text, listed, lists_in, places_of_lists
from .signatures import is_earlier_output
from .staging import alone_in

DAY = 24


def _names_tell(frames: Mapping[str, float]) -> bool:
    """Whether readers find the hours of frames of one kind in names such as tod_05 and tod_18.50.

    Whole numbers that follow each other from 0 or 1 read as counts, and times of one hour as minutes.
    """
    if [hour_of_name(name) for name in frames] != list(frames.values()):
        return False
    if len(frames) == 1:
        return True
    whole = sorted({int(hour) for hour in frames.values()})
    if any(hour != int(hour) for hour in frames.values()):
        return len(whole) > 1
    return whole == list(range(DAY)) or whole[0] > 1 or whole != list(range(whole[0], whole[0] + len(whole)))


def _has_lists(folder: Path) -> bool:
    """Whether readers would take a list that is there, or one of other frames above, if these had none."""
    return any(map(lists_in, places_of_lists(Path(os.path.abspath(folder)))))


def hours_there(folder: Path) -> dict[str, float]:
    """Hour of each decoded frame in a folder, by its name or, where that is in it, by our list; of no other files."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    told = {
        path.name: hour
        for path in paths
        if (hour := hour_of_name(path.name)) is not None and path.suffix not in UNSIGNED and is_earlier_output(path)
    }
    names = {path.name for path in paths}
    return told | {name: hour for name, hour in listed(folder).items() if name in names}


def hours_text(folder: Path, frames: Mapping[str, float]) -> str | None:
    """The content of hours.txt once these frames are written, with those that are there; None where none is needed.

    Args:
        folder: Of the frames; it need not be there yet.
        frames: Hour of each, by the name of its file.
    """
    hours = hours_there(folder) | dict(frames)
    kinds = {suffix: dict[str, float]() for suffix in sorted({Path(name).suffix for name in hours})}
    for name, hour in sorted(hours.items(), key=lambda row: row[1]):
        kinds[Path(name).suffix][name] = hour
    is_needed = any(suffix in UNSIGNED or not _names_tell(kind) for suffix, kind in kinds.items())
    if not (is_needed or _has_lists(folder)):
        return None
    rows = [f"{name} {hour_text(hour)}" for kind in kinds.values() for name, hour in kind.items()]
    return "\n".join([HEADING, *rows]) + "\n"


def refuse_other_hours(folders: Iterable[Path], frames: Mapping[str, float], overwrite: bool) -> None:
    """The frame of 19.9999 h does not replace that of 19.99 h, which has its name; and no hour lies there twice.

    Raises:
        OutputError: a name is that of another hour, or an hour lies there under another name.
    """
    for folder in folders:
        there = hours_there(folder)
        others = {(Path(name).suffix, np.float32(time_h)): name for name, time_h in there.items() if name not in frames}
        for name, time_h in frames.items():
            if not overwrite and there.get(name, time_h) != time_h:
                raise OutputError(
                    f"{folder / name}: expected the frame of {time_h:.10g} h, found that of {there[name]:.10g} h; "
                    "replace it by --overwrite"
                )
            other = others.get((Path(name).suffix, np.float32(time_h)))
            if other is not None:
                raise OutputError(
                    f"{folder / other}: expected no frame of {time_h:.10g} h but {name}, found this one; move it away"
                )


def list_hours(folder: Path, frames: Mapping[str, float], overwrite: bool) -> None:
    """Write hours.txt where it is needed and not there.

    Args:
        folder: Of the frames.
        frames: Hour of each, by the name of its file.
        overwrite: Replace a list that todpack did not write.

    Raises:
        OutputError: see `refuse_other_hours` and `check_replaced`.
    """
    path = folder / NAME
    with alone_in(folder):  # another run may add its frames to the same list
        refuse_other_hours([folder], frames, overwrite)
        text = hours_text(folder, frames)
        if text is not None and not (path.is_file() and path.read_bytes() == text.encode("utf-8")):
            check_replaced([path], overwrite=overwrite)
            write_text(path, text)
