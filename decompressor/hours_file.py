"""hours.txt beside decoded frames: which hour each is where names cannot tell, and which files are our own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

NAME = "hours.txt"
TABLE = "hours.csv"
"""Another list that readers look for; it is never ours."""
HEADING = "# hours of the frames, by todpack"
UNSIGNED = (".npy", ".bin")
"""Files that do not say who wrote them; the list does."""
DAY = 24
MAX_BYTES = 1 << 20
_OUR_NAME = re.compile(r"tod_([0-9]{2}(?:\.[0-9]+)?)\.[a-z]+")


def hour_of_name(name: str) -> float | None:
    """Of a file named as decoded frames are, such as 18.5 of tod_18.50.png; None of another."""
    found = _OUR_NAME.fullmatch(name)
    return float(found[1]) if found else None


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


def listed(folder: Path) -> dict[str, float]:
    """Files and hours of an hours.txt that todpack wrote; of another, or where there is none, nothing."""
    path = folder / NAME
    try:
        is_ours = path.is_file() and path.stat().st_size <= MAX_BYTES
        lines = path.read_text("utf-8").splitlines() if is_ours else []
    except (OSError, UnicodeDecodeError):
        return {}
    rows = [line.rsplit(" ", 1) for line in lines[1:]] if lines[:1] == [HEADING] else []
    try:
        return {row[0]: float(row[1]) for row in rows}
    except (IndexError, ValueError):  # somebody wrote into it
        return {}


def _has_lists(folder: Path) -> bool:
    """Whether readers would take a list that is there, or one of other frames above, if these had none."""
    place = folder.absolute()
    places = [place, place.parent, *([place.parent.parent] if place.name == "png" else [])]
    return any((one / name).is_file() for one in places for name in (NAME, TABLE))


def hour_text(hour: float) -> str:
    """The shortest decimal that reads back to the same hour, never with an exponent."""
    return np.format_float_positional(hour + 0.0, trim="0")  # no sign of 0


def hours_there(folder: Path) -> dict[str, float]:
    """Hour of each decoded frame in a folder, by its name or, where that is in it, by our list."""
    names = [path.name for path in sorted(folder.iterdir())] if folder.is_dir() else []
    told = {
        name: hour
        for name in names
        if (hour := hour_of_name(name)) is not None and Path(name).suffix not in UNSIGNED  # who wrote those: the list
    }
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
