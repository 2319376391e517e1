"""What hours.txt lists: the hours of decoded frames, where names cannot tell, and which files are our own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .hours_file import HEADING, NAME, TABLE, UNSIGNED, hour_of_name, hour_text, listed
from .signatures import is_earlier_output

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
    place = folder.absolute()
    places = [place, place.parent, *([place.parent.parent] if place.name == "png" else [])]
    return any((one / name).is_file() for one in places for name in (NAME, TABLE))


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
