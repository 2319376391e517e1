"""What the names of frames say of their times: the number that differs, or a clock time. docs/frames.md "Times"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from .day import HOURS_PER_DAY
from .doubtful_times import refuse_keys, refuse_pairs, without_shared_fraction
from .errors import DataError
from .name_numbers import (
    FRAME,
    Names,
    are_sure,
    are_whole,
    counts_frames,
    is_count,
    is_same,
    numbers_of,
    several_numbers,
    tell_nothing,
    values_of,
)
from .time_text import CLOCK, WHOLE, TimeText, read_time

_DATE = re.compile(
    r"(?<![0-9])(?:19[0-9]{2}|20[0-3][0-9])([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12][0-9]|3[01])(?![0-9])"
)
_HOUR_IN_FRONT = re.compile(
    r"[:\uff1a\ua789\u2236]| ?(?:h(?:(?:ou)?rs?)?|uhr|std|o'?clock|heures?|[点點時时시])[^0-9a-z]*",
    re.IGNORECASE,
)
"""What stands between the hour that all names share and minutes that differ, and nothing else."""


def stems_of(files: Sequence[Path]) -> list[str]:
    """What is read of names: without the kind of file, and the dates that all names have, which are no times."""
    stems = [path.stem for path in files]
    without = [_DATE.sub("date", stem, count=1) for stem in stems]
    return without if all(map(str.__ne__, stems, without)) else stems


def times_in_names(folder: Path, files: Sequence[Path]) -> list[TimeText] | None:
    """What every name says, or None where a name has no number or all have the same.

    One number differs, with what makes it a time (05.90, 6am, 13-05, also where the hour is that of all: 18h00, 18h06);
    or several do and one is surely a clock time (tod_06h_f00), or all of them count (tod_00_f00).

    Raises:
        DataError: any of several numbers may be the time, or a part of it.
    """
    stems = stems_of(files)
    names = [re.split("([0-9]+)", stem) for stem in stems]
    if min(map(len, names)) == 1:
        return None
    if len({len(pieces) for pieces in names}) > 1:
        return _of_unlike_names(folder, files, stems)
    columns = list(zip(*names, strict=True))
    unlike = [place for place in range(1, len(columns), 2) if not is_same(columns[place])]
    if not unlike:
        for place in range(len(columns) - 2, 0, -2):  # 1 AM and 1 PM
            found = _read(names, place)
            if found is not None and are_sure(found) and len({text.value for text in found}) > 1:
                return _with_shared_hour(folder, files, names, place, found)
        return None
    times = _without_frame_numbers(names, unlike)
    found = _read(names, times[0]) or _wholes(names, times[0])
    if not _places(found, times[0]).issuperset(times):
        return _of_several(folder, files, names, times)
    refuse_pairs(folder, files, names, times[0], found)
    refuse_keys(folder, files, found)
    return _with_shared_hour(folder, files, names, times[0], without_shared_fraction(found))


def _without_frame_numbers(names: Names, unlike: list[int]) -> list[int]:
    """Without the numbers that are said to be those of the frames, where they count them in the order of the times."""
    frames = [place for place in unlike if all(_is_of_frame(pieces, place) for pieces in names)]
    others = [place for place in unlike if place not in frames]
    if not frames or not others:
        return unlike
    times = values_of(_read(names, others[0]) or _wholes(names, others[0]))
    for place in frames:
        column = [pieces[place] for pieces in names]
        in_order = [time for _, time in sorted(zip(map(int, column), times, strict=True))]
        if not counts_frames(column) or in_order != sorted(times):
            return unlike
    return others


def _is_of_frame(pieces: Sequence[str], place: int) -> bool:
    """Whether a number is said to be that of a frame, or is as wide as only these are: 0012."""
    is_wide = len(pieces[place]) > 3 and pieces[place].startswith("00")
    return is_wide or FRAME.search(pieces[place - 1]) is not None


def _of_unlike_names(folder: Path, files: Sequence[Path], stems: Sequence[str]) -> list[TimeText]:
    """Of names of which some have minutes and some have none: tod_5 and tod_5.9, 1h and 13h05, 6am and 6-30pm."""
    start = len(re.sub("[0-9]+$", "", _shared_start(stems)))
    texts = [read_time(stem[start:]) for stem in stems]
    found = [text for text in texts if text is not None]
    if len(found) < len(texts) or len({text.rest for text in found}) > 1:
        counts = [len(re.findall("[0-9]+", stem)) for stem in stems]
        most, least = (f"{n} in {files[counts.index(n)].name}" for n in (max(counts), min(counts)))
        raise DataError(
            f"{folder}: expected as many numbers in every name, found {most}, {least}; --hours or a file hours.txt "
            "says the times"
        )
    return found


def _of_several(folder: Path, files: Sequence[Path], names: Names, unlike: Sequence[int]) -> list[TimeText]:
    """Of names in which several numbers differ: the only one that is surely a clock time, or the least of counts."""
    clocks = [found for place in unlike if (found := _read(names, place)) is not None and are_sure(found)]
    if len(clocks) == 1:
        return clocks[0]  # the others count, or are refused (other_numbers.py)
    columns = [[pieces[place] for pieces in names] for place in unlike]
    orders = [sorted(range(len(names)), key=list(map(int, column)).__getitem__) for column in columns]
    if clocks or orders.count(orders[0]) < len(orders) or not all(map(counts_frames, columns)):
        raise several_numbers(folder, files[0])
    shortest = min(len(digits) for column in columns for digits in column)
    short = {
        min(map(int, column)): place
        for place, column in zip(unlike, columns, strict=True)
        if min(map(len, column)) == shortest
    }
    if len(short) > 1:  # 00_tod_01: one of them is an hour off
        raise several_numbers(folder, files[0])
    return _wholes(names, *short.values())


def _wholes(names: Names, place: int) -> list[TimeText]:
    return [TimeText(float(one[place]), WHOLE, one[place], "".join(one[place + 1 :])) for one in names]


def _read(names: Names, place: int) -> list[TimeText] | None:
    """The times that begin with a number, of as many numbers and of one kind in all names; else None."""
    texts = [text for pieces in names if (text := read_time("".join(pieces[place:]))) is not None]
    is_alike = len({(len(numbers_of(text)), text.kind == CLOCK) for text in texts}) == 1
    return texts if is_alike and len(texts) == len(names) else None


def _places(found: Sequence[TimeText], place: int) -> set[int]:
    """Where the numbers of times are that begin at a place."""
    return set(range(place, place + 2 * len(numbers_of(found[0])), 2))


def _with_shared_hour(
    folder: Path, files: Sequence[Path], names: Names, place: int, found: list[TimeText]
) -> list[TimeText]:
    """With the number in front that all names share, where it is their hour.

    Raises:
        DataError: it may be their hour, or something else.
    """
    if place < 3 or len(names[0][place - 2]) > 2 or not is_same([pieces[place - 2] for pieces in names]):
        return found
    joints = {pieces[place - 1] for pieces in names}
    is_hour = all(map(_HOUR_IN_FRONT.fullmatch, joints))
    if not is_hour and (is_count(found) or not joints <= {"-", "."}):
        return found
    whole = _read(names, place - 2)
    if whole is not None and len(numbers_of(whole[0])) > 1:
        if is_hour or _are_no_hours(found):
            refuse_pairs(folder, files, names, place - 2, whole)
            return whole
    elif not is_hour:
        return found
    shared = "".join(names[0][place - 2 : place])
    raise DataError(
        f"{folder}: expected names that differ in hours and minutes, found {shared!r} in front in all of them, such as "
        f"{files[0].name}, which may be the hour of frames within one hour, or something else; --hours or a file "
        "hours.txt says the times"
    )


def _shared_start(texts: Sequence[str]) -> str:
    low, high = min(texts), max(texts)
    return next((low[:i] for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), low)


def _are_no_hours(texts: Sequence[TimeText]) -> bool:
    return tell_nothing(texts) if are_whole(texts) else max(values_of(texts)) > HOURS_PER_DAY
