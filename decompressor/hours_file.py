"""hours.txt beside decoded frames: how it is written and read."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

NAME = "hours.txt"
TABLE = "hours.csv"
"""Another list that readers look for; it is never ours."""
HEADING = "# hours of the frames, by todpack"
UNSIGNED = (".npy", ".bin")
"""Files that do not say who wrote them; the list does."""
MAX_BYTES = 1 << 20
_OUR_NAME = re.compile(r"tod_([0-9]{2}(?:\.[0-9]+)?)\.[a-z]+")


def hour_of_name(name: str) -> float | None:
    """Of a file named as decoded frames are, such as 18.5 of tod_18.50.png; None of another."""
    found = _OUR_NAME.fullmatch(name)
    return float(found[1]) if found else None


def around(folder: Path) -> Path:
    """The folder around one, also where that is called `.` or `..`."""
    return folder.parent if folder.name not in ("", "..") else Path(os.path.abspath(folder)).parent


def places_of_lists(folder: Path) -> list[Path]:
    """Where a list of the times of a folder's frames may lie: in it, around it, and around what holds png/."""
    above = around(folder)
    return [folder, above, *([around(above)] if os.path.basename(os.path.abspath(folder)) == "png" else [])]


def lists_in(folder: Path) -> list[Path]:
    """What is called a list of times in a folder, in any case, as on systems where case does not tell files apart.

    The usual spelling of a name comes before others.
    """
    try:
        there = sorted(folder.iterdir())
    except OSError:  # a folder that may be entered but not listed
        there = [folder / name for name in (NAME, TABLE) if os.path.lexists(folder / name)]
    spellings = [path for path in there if path.name.lower() in (NAME, TABLE)]
    return sorted(spellings, key=lambda path: (path.name.lower() != NAME, path.name not in (NAME, TABLE)))


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


def hour_text(hour: float) -> str:
    """The shortest decimal that reads back to the same hour, never with an exponent."""
    return np.format_float_positional(hour + 0.0, trim="0")  # no sign of 0
