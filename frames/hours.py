"""When the frames of a day are: as the user says, or a file beside the frames, or their names, or their count.

docs/frames.md "Times" has the rules with examples.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from todpack.decompressor.hours_file import NAME, TABLE, listed, lists_in, places_of_lists

from .day import HOURS_PER_DAY
from .errors import DataError
from .hours_file import MAX_BYTES, hours_of_lines
from .name_numbers import are_consecutive, are_whole, hours_of_wholes
from .other_numbers import lines_of_other_numbers, refuse_halves
from .time_text import TimeText
from .times_in_names import stems_of, times_in_names

USUAL_FRAMES = 24
LEAST_APART_H = 1e-6
"""Times in a list and in a name that are nearer are one."""
HOURS_NAMES = (NAME, TABLE)


@dataclass(frozen=True)
class Times:
    """Frames in order of time.

    Attributes:
        files: In that order.
        hours: (T,) float64, ascending in [0, 24).
        warnings: Lines for the user.
    """

    files: tuple[Path, ...]
    hours: np.ndarray
    warnings: tuple[str, ...] = ()


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """tod_2 before tod_10; equal to the plain order for zero-padded names."""
    return [(0, int(p), p) if p.isdecimal() else (1, 0, p) for p in re.split(r"(\d+)", name)]


def find_times(
    folder: Path,
    files: Sequence[Path],
    hours: str | Path | Sequence[float] | None = None,
    first_hour: float | None = None,
) -> Times:
    """Put frames into the order of time.

    Args:
        folder: That the files lie in; hours.txt or hours.csv in it or beside it counts.
        files: The frames.
        hours: Their times in the order of their names; a text such as "0,5.9,6", or the name of a file with them.
        first_hour: Time of the first frame, where the names only count: the i-th of T is at 24 i / T later.

    Raises:
        DataError: times are missing, too many, outside of 0..24, or two frames have the same.
    """
    ordered = sorted(files, key=lambda path: natural_key(path.stem))
    beside = None if hours is not None else _file_beside(folder, {path.name for path in files})
    if hours is not None or beside is not None:
        if first_hour is not None:
            raise DataError(f"--first-hour: expected names that only count, found the times of {beside or '--hours'}")
        given = _given(beside or hours, ordered)
        is_around = beside is not None and beside.parent != folder
        told = _lines_of_list(folder, ordered, given, beside) if is_around else ()
        return _in_order(ordered, given, beside or "--hours", told)
    named = times_in_names(folder, files)
    refuse_halves(folder, files, named)
    if named is None:
        odd = next((path for path in ordered if not re.search("[0-9]", path.stem)), ordered[0])
        lines = [
            f"{folder}: no times that differ are in all names, such as {odd.name}; frames are in the order of their "
            "names"
        ]
        return _counted(folder, ordered, first_hour, lines)
    numbers = dict(zip(files, named, strict=True))
    ordered.sort(key=lambda path: numbers[path].value)
    texts = [numbers[path] for path in ordered]
    lines = lines_of_other_numbers(folder, ordered, texts) if first_hour is None else []
    if are_whole(texts):
        found = None if first_hour is not None else hours_of_wholes(texts)
        if found is None:
            lines += _lines_of_counters(folder, ordered, texts, first_hour)
            times = _counted(folder, ordered, first_hour, lines)
            return times if times.warnings or not _have_others(ordered) else _with_span(folder, times)
    elif first_hour is not None:
        raise DataError(f"--first-hour: expected names that only count, found times in them: {ordered[0].name}")
    else:
        found = [text.value for text in texts]
    times = _in_order(ordered, found, folder, tuple(lines))
    is_even = np.allclose(times.hours, np.arange(len(files)) * HOURS_PER_DAY / len(files), atol=1e-6)
    return times if is_even and not _have_others(ordered) else _with_span(folder, times)


def _lines_of_list(folder: Path, files: Sequence[Path], hours: Sequence[float], path: object) -> tuple[str, ...]:
    """A line where a list around the folder, perhaps another folder's, gives frames other times than their names."""
    try:
        named = times_in_names(folder, files)
    except DataError:
        return ()
    if named is None:
        return ()
    pairs = sorted(zip(named, files, strict=True), key=lambda pair: pair[0].value)
    texts = [text for text, _ in pairs]
    found = hours_of_wholes(texts) if are_whole(texts) else [text.value for text in texts]
    given = dict(zip(files, hours, strict=True))
    for hour, (_, file) in zip(found or (), pairs, strict=found is not None):
        if abs((hour - given[file] + HOURS_PER_DAY / 2) % HOURS_PER_DAY - HOURS_PER_DAY / 2) > LEAST_APART_H:
            return (
                f"{folder}: times are taken from {path}, not from the names: {file.name} at {given[file]:g}, not at "
                f"{hour:g} h",
            )
    return ()


def _have_others(files: Sequence[Path]) -> bool:
    """Whether names have more numbers than one, so that a line says what is read of them."""
    return any(len(re.findall("[0-9]+", stem)) > 1 for stem in stems_of(files))


def _with_span(folder: Path, times: Times) -> Times:
    ends = f"{times.files[0].name} to {times.files[-1].name}"
    span = f"{len(times.files)} from {times.hours[0]:g} to {times.hours[-1]:g} h, {ends}"
    return Times(times.files, times.hours, (f"{folder}: times are taken from the names: {span}", *times.warnings))


def _lines_of_counters(
    folder: Path, files: Sequence[Path], texts: Sequence[TimeText], first_hour: float | None
) -> list[str]:
    start, step = int(texts[0].value), HOURS_PER_DAY / len(files)
    if first_hour is not None:
        return []
    if not are_consecutive(texts):
        return [f"{folder}: the numbers in the names are not consecutive; only their order counts"]
    if start == 0:
        return []
    line = f"{folder}: names count from {start}: {files[0].name} is taken as 0 h"
    if start * step < HOURS_PER_DAY:
        line += f" (--first-hour {start * step:g}: as {start * step:g} h)"
    return [line]


def _counted(folder: Path, files: Sequence[Path], first_hour: float | None, lines: list[str]) -> Times:
    if first_hour is not None and not 0 <= first_hour < HOURS_PER_DAY:
        raise DataError(f"--first-hour: expected 0 <= hour < 24, found {first_hour:g}")
    if len(files) != USUAL_FRAMES:
        lines.append(
            f"{folder}: expected {USUAL_FRAMES} frames, found {len(files)}; they are spread evenly over the 24 hours "
            "(--hours: other times)"
        )
    hours = ((first_hour or 0.0) + np.arange(len(files)) * (HOURS_PER_DAY / len(files))) % HOURS_PER_DAY
    return _in_order(files, hours.tolist(), folder, tuple(lines))


def _file_beside(folder: Path, names: Collection[str]) -> Path | None:
    """The list that counts; one that todpack wrote beside decoded frames counts for these alone."""
    for place in places_of_lists(folder):
        for path in lists_in(place):
            if os.path.isfile(path):
                decoded = listed(place) if path.name == NAME else {}
                if decoded and place == folder and not decoded.keys().isdisjoint(names):
                    _refuse_others_than(decoded, names, path)
                    return path
                if not decoded:
                    return path
            elif os.path.lexists(path):
                raise DataError(f"{path}: expected a file with a list of times, found something else or a broken link")
    return None


def _refuse_others_than(decoded: Collection[str], names: Collection[str], path: Path) -> None:
    """The list of decoded frames says nothing of others that lie beside them."""
    others = sorted(set(names) - set(decoded))
    if others:
        raise DataError(
            f"{path}: expected the decoded frames alone that todpack listed here, found {others[0]} beside them; move "
            "one or the other away"
        )


def _given(hours: str | Path | Sequence[float] | None, files: Sequence[Path]) -> list[float]:
    """Hours that were given, in the order of the files."""
    if isinstance(hours, str) and not os.path.isfile(hours):  # a list may be longer than names of files
        if hours.lower().endswith(tuple(Path(name).suffix for name in HOURS_NAMES)):
            raise DataError(f"{hours}: expected a file with a list of times, found none there")
        return hours_of_lines([hours], "--hours", files)
    if isinstance(hours, str | Path):
        try:
            if (size := Path(hours).stat().st_size) > MAX_BYTES:
                raise DataError(f"{hours}: expected a list of times of at most {MAX_BYTES} bytes, found {size}")
            text = Path(hours).read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{hours}: cannot be read as a list of times: {error}") from error
        return hours_of_lines(text.splitlines(), hours, files)
    values = [float(hour) for hour in hours or ()]
    if len(values) != len(files):
        raise DataError(f"--hours: expected {len(files)} times, one for each frame, found {len(values)}")
    return values


def _in_order(files: Sequence[Path], hours: Sequence[float], where: object, lines: tuple[str, ...]) -> Times:
    """Sort by time; 24 is 0."""
    for file, hour in zip(files, hours, strict=True):
        if not 0 <= hour <= HOURS_PER_DAY:
            raise DataError(f"{where}: expected times of 0 to 24 hours, found {hour:g} for {file.name}")
        if hour < HOURS_PER_DAY <= np.float32(hour):
            raise DataError(f"{where}: expected times that float32 has under 24 hours, found {hour!r} for {file.name}")
    pairs = sorted(((hour % HOURS_PER_DAY, file) for hour, file in zip(hours, files, strict=True)), key=lambda p: p[0])
    for (hour, file), (later, other) in pairwise(pairs):
        if np.float32(hour) == np.float32(later):  # as graphs take them
            raise DataError(
                f"{where}: expected one frame for each time, found {file.name} and {other.name} at {hour:g} h"
            )
    return Times(tuple(file for _, file in pairs), np.array([hour for hour, _ in pairs], np.float64), lines)
