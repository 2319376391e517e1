"""What the names of frames say of their times, and what they may say beside. docs/frames.md "Times"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from .day import HOURS_PER_DAY
from .errors import DataError
from .time_text import CLOCK, WHOLE, TimeText, all_times, read_time

_DATE = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}([-_.]?)[01][0-9]\1[0-3][0-9](?![0-9])")
_SHARED_HOUR = re.compile(r"(?<![0-9])(?:[0-9]{1,2}[-.:h])?[0-9]{1,2}([-.:h])$", re.IGNORECASE)
"""What may be the hour of all names, or hour and minute, where these begin to differ behind it."""


def stems_of(files: Sequence[Path]) -> list[str]:
    """What is read of names: without the kind of file, and the dates that all names have, which are no times."""
    stems = [path.stem for path in files]
    without = [_DATE.sub("date", stem, count=1) for stem in stems]
    return without if all(map(str.__ne__, stems, without)) else stems


def times_in_names(folder: Path, files: Sequence[Path]) -> list[TimeText] | None:
    """What every name says, or None.

    It is read where the names begin to differ, without cutting a number. Where these may have begun with the hour,
    which all of them share, that is read with it where it is surely a clock's (18h00 and 18h06) or the rest alone tells
    nothing (10-00 and 10-30). Where what follows differs too, one of the numbers tells the time: dawn_05.90 and
    noon_12.00, tod_06h_f00 and tod_07h_f01.

    Raises:
        DataError: any of several numbers may be the time.
    """
    stems = stems_of(files)
    shared = re.sub(r"[0-9]+$", "", _shared_start(stems))
    first = _read_at(stems, len(shared))
    if longer := _SHARED_HOUR.search(shared):
        whole = _read_at(stems, longer.start())
        is_clock = whole is not None and longer[1] not in "-." and all(text.kind == CLOCK for text in whole)
        if first is None or is_clock or _are_no_hours(first):
            first = whole or first
        elif whole is not None and not is_count(first):
            raise DataError(
                f"{folder}: expected names that differ in hours and minutes, found {longer[0]!r} in front in all of "
                f"them, such as {files[0].name}, which may be the hour of frames within one hour, or something else; "
                "--hours or a file hours.txt says the times"
            )
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
                raise several_numbers(folder, files[0])
            return found
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
    hours = [texts for texts in numbers if not are_whole(texts) or hours_of_wholes(texts) is not None]
    for found in ([texts for texts in hours if not (are_whole(texts) and are_consecutive(texts))], hours):
        if found:  # the others count the frames
            return found[0] if all(_values(texts) == _values(found[0]) for texts in found) else None
    return numbers[0]


def _shared_start(texts: Sequence[str]) -> str:
    low, high = min(texts), max(texts)
    return next((low[:i] for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), low)


def _read_at(stems: Sequence[str], start: int) -> list[TimeText] | None:
    texts = [read_time(stem[start:]) for stem in stems]
    found = [text for text in texts if text is not None]
    return found if len(found) == len(texts) and len({text.rest for text in found}) == 1 else None


def are_whole(texts: Sequence[TimeText]) -> bool:
    """Whether all are whole numbers, which may be hours, clock times or counts."""
    return all(text.kind == WHOLE for text in texts)


def _values(texts: Sequence[TimeText]) -> list[float]:
    return [text.value for text in texts]


def are_consecutive(texts: Sequence[TimeText]) -> bool:
    """Whether each is one more than the one before, in some order."""
    values = sorted(text.value for text in texts)
    return all(b - a == 1 for a, b in pairwise(values))


def is_count(texts: Sequence[TimeText]) -> bool:
    """Whether they are whole numbers that count the hours of a day, and tell none of them."""
    values = _values(texts)
    return are_whole(texts) and are_consecutive(texts) and (min(values) < 2 or max(values) == HOURS_PER_DAY)


def hours_of_wholes(texts: Sequence[TimeText]) -> list[float] | None:
    """Hours of whole numbers, or None where they only count."""
    values = [int(text.value) for text in texts]
    if max(values) <= HOURS_PER_DAY and all(len(text.digits) <= 2 for text in texts):
        return None if is_count(texts) else [float(value) for value in values]
    if are_consecutive(texts):
        return None
    if all(len(text.digits) == 4 and value % 100 < 60 for text, value in zip(texts, values, strict=True)):
        if 59 < max(values) <= 2400:
            return [value // 100 + value % 100 / 60 for value in values]
    elif 1000 <= max(values) <= 2400 and 2 * sum(value % 100 == 0 for value in values) > len(values):
        return [value / 100 for value in values]  # the contest's keys
    return None


def tell_nothing(texts: Sequence[TimeText]) -> bool:
    """Whether they neither are hours nor count."""
    return are_whole(texts) and not are_consecutive(texts) and hours_of_wholes(texts) is None


def _are_no_hours(texts: Sequence[TimeText]) -> bool:
    return tell_nothing(texts) if are_whole(texts) else max(_values(texts)) > HOURS_PER_DAY


def several_numbers(folder: Path, file: Path) -> DataError:
    """Of names in which any of several numbers may be the time, or a part of it."""
    return DataError(
        f"{folder}: expected one number that tells the time in every name, found several, such as in {file.name}; "
        "minutes are read from names such as 13h05 or 13-05; --hours or a file hours.txt says the times"
    )
