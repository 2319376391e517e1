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

from todpack.decompressor.hours_file import NAME, TABLE, listed

from .day import HOURS_PER_DAY
from .errors import DataError
from .hours_file import MAX_BYTES, hours_of_lines
from .time_text import CLOCK, WHOLE, TimeText, all_times, halves, read_time

USUAL_FRAMES = 24
HOURS_NAMES = (NAME, TABLE)
_MINUTES = re.compile(r"(?:[_ ,]|[_ ,]?m|[a-z]|uhr|hours?|hrs?|[点點时時])?0*([0-9]{1,2})(?![0-9])", re.IGNORECASE)
"""What follows an hour as minutes would."""


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
        return _in_order(ordered, _given(beside or hours, ordered), beside or "--hours", ())
    named = _times_in_names(folder, files)
    _refuse_halves(folder, files, named)
    if named is None:
        lines = [
            f"{folder}: no times are in all names, such as {ordered[0].name}; frames are in the order of their names"
        ]
        return _counted(folder, ordered, first_hour, lines)
    numbers = dict(zip(files, named, strict=True))
    if not _are_whole(named) or _consecutive(named) or _hours_of_wholes(named) is not None:
        ordered.sort(key=lambda path: numbers[path].value)  # a number that tells neither hour nor count orders nothing
    texts = [numbers[path] for path in ordered]
    lines = _lines_of_rest(folder, texts) if first_hour is None else []
    if all(text.kind == WHOLE for text in texts):
        found = None if first_hour is not None else _hours_of_wholes(texts)
        if found is None:
            lines += _lines_of_counters(folder, ordered, texts, first_hour)
            return _counted(folder, ordered, first_hour, lines)
        _refuse_minutes(folder, ordered, texts)
    elif first_hour is not None:
        raise DataError(f"--first-hour: expected names that only count, found times in them: {ordered[0].name}")
    else:
        found = [text.value for text in texts]
    times = _in_order(ordered, found, folder, tuple(lines))
    if np.allclose(times.hours, np.arange(len(files)) * HOURS_PER_DAY / len(files), atol=1e-6):
        return times
    span = f"{len(files)} from {times.hours[0]:g} to {times.hours[-1]:g} h"
    return Times(times.files, times.hours, (f"{folder}: times are taken from the names: {span}", *times.warnings))


def _refuse_halves(folder: Path, files: Sequence[Path], named: Sequence[TimeText] | None) -> None:
    """Refuse AM and PM that were not read with the numbers: some of the frames may be half a day off."""
    read = [""] * len(files) if named is None else [text.digits for text in named]
    left = [halves(path.stem.replace(digits, "", 1)) for path, digits in zip(files, read, strict=True)]
    if len(set(left)) > 1 or (left[0] and named is not None and _may_be_of_half_a_day(named)):
        raise DataError(
            f"{folder}: expected AM or PM behind the time, as in 6pm or 06_30_PM, found {files[0].name}; --hours or a "
            "file hours.txt says the times"
        )


def _may_be_of_half_a_day(texts: Sequence[TimeText]) -> bool:
    """Whether numbers may be hours of a clock that has twelve: counters of three digits and more are none."""
    found = _hours_of_wholes(texts) if _are_whole(texts) else _values(texts)
    if found is None:
        return max(_values(texts)) <= 12 and all(len(text.digits) <= 2 for text in texts)
    return max(found) < 13


def _times_in_names(folder: Path, files: Sequence[Path]) -> list[TimeText] | None:
    """What every name says, or None.

    It is read where the names begin to differ, without cutting a number. Where that gives only numbers that are no
    hours, a time that all names share the beginning of is looked at as well: 10-00 and 10-30. Where what follows
    differs too, one of the numbers tells the time: dawn_05.90 and noon_12.00, tod_06h_f00 and tod_07h_f01.

    Raises:
        DataError: any of several numbers may be the time.
    """
    stems = [path.stem for path in files]
    shared = re.sub(r"[0-9]+$", "", _shared_start(stems))
    first = _read_at(stems, len(shared))
    longer = re.search(r"[0-9]{1,2}[-.:h]$", shared, re.IGNORECASE)
    if longer and (
        first is None or (_are_whole(first) and not _consecutive(first) and _hours_of_wholes(first) is None)
    ):
        first = _read_at(stems, longer.start()) or first
    if first is not None:
        return first
    everywhere = [all_times(stem) for stem in stems]
    if not all(everywhere):
        return None
    counts = [len(all_times(stem[len(shared) :])) for stem in stems]
    if len(set(counts)) > 1 and min(counts) > 0:
        odd = files[counts.index(max(counts))].name
        raise DataError(
            f"{folder}: expected as many numbers in every name, found {max(counts)} in {odd}, fewer in others; --hours "
            "or a file hours.txt says the times"
        )
    if len({len(texts) for texts in everywhere}) == 1:
        numbers = [list(column) for column in zip(*everywhere, strict=True)]
        unlike = [column for column in numbers if len({text.value for text in column}) == len(column)]
        if unlike:
            if (found := _that_tells(unlike)) is None:
                raise DataError(
                    f"{folder}: expected one number that tells the time in every name, found several, such as in "
                    f"{files[0].name}; --hours or a file hours.txt says the times"
                )
            return found
        if any(map(_are_hours_and_minutes, pairwise(numbers))):
            raise _unread_minutes(folder, files[0])
    last = [texts[-1] for texts in everywhere]
    are_alike = len({text.rest for text in last}) == 1
    return last if are_alike or all(len(texts) == 1 for texts in everywhere) else None


def _that_tells(numbers: Sequence[list[TimeText]]) -> list[TimeText] | None:
    """Which of the numbers of names is the time; each is another one in every name. None where any may be."""
    clocks = [texts for texts in numbers if all(text.kind == CLOCK for text in texts)]
    if len(clocks) == 1:
        return clocks[0]
    orders = [sorted(range(len(texts)), key=lambda i: texts[i].value) for texts in numbers]
    if any(order != orders[0] for order in orders):
        return None
    hours = [texts for texts in numbers if not _are_whole(texts) or _hours_of_wholes(texts) is not None]
    for found in ([texts for texts in hours if not (_are_whole(texts) and _consecutive(texts))], hours):
        if found:  # the others count the frames
            return found[0] if all(_values(texts) == _values(found[0]) for texts in found) else None
    return numbers[0]


def _values(texts: Sequence[TimeText]) -> list[float]:
    return [text.value for text in texts]


def _shared_start(texts: Sequence[str]) -> str:
    low, high = min(texts), max(texts)
    return next((low[:i] for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), low)


def _are_whole(texts: Sequence[TimeText]) -> bool:
    return all(text.kind == WHOLE for text in texts)


def _read_at(stems: Sequence[str], start: int) -> list[TimeText] | None:
    texts = [read_time(stem[start:]) for stem in stems]
    found = [text for text in texts if text is not None]
    return found if len(found) == len(texts) and len({text.rest for text in found}) == 1 else None


def _consecutive(texts: Sequence[TimeText]) -> bool:
    values = sorted(text.value for text in texts)
    return all(b - a == 1 for a, b in pairwise(values))


def _hours_of_wholes(texts: Sequence[TimeText]) -> list[float] | None:
    """Hours of whole numbers, or None where they only count."""
    values = [int(text.value) for text in texts]
    if max(values) <= HOURS_PER_DAY and all(len(text.digits) <= 2 for text in texts):
        is_count = _consecutive(texts) and (min(values) < 2 or max(values) == HOURS_PER_DAY)
        return None if is_count else [float(value) for value in values]
    if _consecutive(texts):
        return None
    if all(len(text.digits) == 4 and value % 100 < 60 for text, value in zip(texts, values, strict=True)):
        if 59 < max(values) <= 2400:
            return [value // 100 + value % 100 / 60 for value in values]
    elif 1000 <= max(values) <= 2400 and 2 * sum(value % 100 == 0 for value in values) > len(values):
        return [value / 100 for value in values]  # the contest's keys
    return None


def _lines_of_rest(folder: Path, texts: Sequence[TimeText]) -> list[str]:
    """What may be minutes that all frames have, behind numbers that are read as hours or counts."""
    rest = texts[0].rest
    minutes = _MINUTES.match(rest)
    if not _are_whole(texts) or len({text.rest for text in texts}) > 1 or minutes is None or int(minutes[1]) == 0:
        return []
    return [
        f"{folder}: {rest!r} behind the numbers of all names is left out; minutes are read from names such as 13h05 or "
        "13-05 (--first-hour: the time of the first frame)"
    ]


def _unread_minutes(folder: Path, file: Path) -> DataError:
    return DataError(
        f"{folder}: expected one number that tells the time in every name, found what may be minutes, such as in "
        f"{file.name}; minutes are read from names such as 13h05 or 13-05; --hours or a file hours.txt says the times"
    )


def _are_hours_and_minutes(columns: tuple[Sequence[TimeText], Sequence[TimeText]]) -> bool:
    """Whether two numbers of all names, one after the other, may be the clock time together, which neither is alone."""
    hours, minutes = columns
    are_hours = _are_whole(hours) and all(len(text.digits) <= 2 and text.value <= HOURS_PER_DAY for text in hours)
    are_minutes = _are_whole(minutes) and all(len(text.digits) == 2 and text.value < 60 for text in minutes)
    pairs = {(hour.value, minute.value) for hour, minute in zip(hours, minutes, strict=True)}
    return are_hours and are_minutes and len(pairs) == len(hours)


def _refuse_minutes(folder: Path, files: Sequence[Path], texts: Sequence[TimeText]) -> None:
    """Refuse what may be minutes behind numbers that are read as hours, unless it counts the frames."""
    found = [_MINUTES.match(text.rest) for text in texts]
    minutes = sorted(int(one[1]) for one in found if one is not None)
    if len(minutes) == len(texts) and minutes[0] < minutes[-1] and any(b - a != 1 for a, b in pairwise(minutes)):
        raise _unread_minutes(folder, files[0])


def _lines_of_counters(
    folder: Path, files: Sequence[Path], texts: Sequence[TimeText], first_hour: float | None
) -> list[str]:
    start, step = int(texts[0].value), HOURS_PER_DAY / len(files)
    if first_hour is not None:
        return []
    if not _consecutive(texts):
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
    return _in_order(files, list(hours), folder, tuple(lines))


def _file_beside(folder: Path, names: Collection[str]) -> Path | None:
    """The list that counts; one that todpack wrote beside decoded frames counts for these alone."""
    places = [folder, folder.parent, *([folder.parent.parent] if folder.name == "png" else [])]
    for place in places:
        for path in _lists_in(place):
            if path.is_file():
                decoded = listed(place) if path.name == NAME else {}
                if decoded and place == folder and not decoded.keys().isdisjoint(names):
                    _refuse_others_than(decoded, names, path)
                    return path
                if not decoded:
                    return path
            elif os.path.lexists(path):
                raise DataError(f"{path}: expected a file with a list of times, found something else or a broken link")
    return None


def _lists_in(folder: Path) -> list[Path]:
    """What is called a list of times in a folder, in any case, as on systems where case does not tell files apart."""
    try:
        there = sorted(folder.iterdir())
    except OSError:  # a folder that may be entered but not listed
        there = [folder / name for name in HOURS_NAMES if os.path.lexists(folder / name)]
    return [path for name in HOURS_NAMES for path in there if path.name.lower() == name]


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
