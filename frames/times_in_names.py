"""What the names of frames say of their times, and what they may say beside. docs/frames.md "Times"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from .day import HOURS_PER_DAY
from .errors import DataError
from .time_text import CLOCK, DECIMAL, WHOLE, TimeText, all_times, apart, halves, read_time

_MINUTES = re.compile(r"([^0-9]*)0*([0-9]{1,2})(?![0-9])(?:(?<=^[-:.].{2})|(?=$|[^a-z]|m(?![a-z])|min))", re.IGNORECASE)
"""What follows an hour as minutes would, whatever stands between: 05h_30, 6 o'clock 30min; but for 6_16bit."""
_PLAIN = re.compile(r"[a-z]?|(?:[^0-9a-z]|h(?:(?:ou)?rs?)?|uhr|m(?:in(?:ute)?s?)?)*", re.IGNORECASE)
"""Signs, words for hours and minutes, or any one letter: behind it one digit may be minutes too."""
_AFTERNOON = re.compile("[_ -]?p(?![0-9a-z])", re.IGNORECASE)
_LETTER = re.compile("(?<![a-z])[ap](?![a-z])", re.IGNORECASE)
_PART_OF_DAY = re.compile(
    "(?<![a-z])(morning|afternoon|evening|night|vorm|nachm|abends|nachts|matin|soir)", re.IGNORECASE
)
_HALF_HOUR = re.compile("[^0-9]?[半반]")
_SHARED_HOUR = re.compile(r"[0-9]{1,2}([-.:h])$", re.IGNORECASE)
"""What may be the hour of all names, where these begin to differ behind it."""


def times_in_names(folder: Path, files: Sequence[Path]) -> list[TimeText] | None:
    """What every name says, or None.

    It is read where the names begin to differ, without cutting a number. Where that gives only numbers that are no
    hours, a time that all names share the beginning of is looked at as well: 10-00 and 10-30; and in any case where
    that is surely a clock's: 18h00 and 18h06. Where what follows differs too, one of the numbers tells the time:
    dawn_05.90 and noon_12.00, tod_06h_f00 and tod_07h_f01.

    Raises:
        DataError: any of several numbers may be the time.
    """
    stems = [path.stem for path in files]
    shared = re.sub(r"[0-9]+$", "", _shared_start(stems))
    first = _read_at(stems, len(shared))
    if longer := _SHARED_HOUR.search(shared):
        whole = _read_at(stems, longer.start())
        are_clocks = whole is not None and longer[1] != "-" and all(text.kind == CLOCK for text in whole)
        if first is None or are_clocks or tell_nothing(first):
            first = whole or first
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
    hours = [texts for texts in numbers if not _are_whole(texts) or hours_of_wholes(texts) is not None]
    for found in ([texts for texts in hours if not (_are_whole(texts) and are_consecutive(texts))], hours):
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


def _are_whole(texts: Sequence[TimeText]) -> bool:
    return all(text.kind == WHOLE for text in texts)


def _values(texts: Sequence[TimeText]) -> list[float]:
    return [text.value for text in texts]


def are_consecutive(texts: Sequence[TimeText]) -> bool:
    """Whether each is one more than the one before, in some order."""
    values = sorted(text.value for text in texts)
    return all(b - a == 1 for a, b in pairwise(values))


def hours_of_wholes(texts: Sequence[TimeText]) -> list[float] | None:
    """Hours of whole numbers, or None where they only count."""
    values = [int(text.value) for text in texts]
    if max(values) <= HOURS_PER_DAY and all(len(text.digits) <= 2 for text in texts):
        is_count = are_consecutive(texts) and (min(values) < 2 or max(values) == HOURS_PER_DAY)
        return None if is_count else [float(value) for value in values]
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
    return _are_whole(texts) and not are_consecutive(texts) and hours_of_wholes(texts) is None


def refuse_halves(folder: Path, files: Sequence[Path], named: Sequence[TimeText] | None) -> None:
    """Refuse AM and PM that were not read with the numbers: some of the frames may be half a day off."""
    read = [""] * len(files) if named is None else [text.digits for text in named]
    left = [halves(path.stem.replace(digits, " ", 1)) for path, digits in zip(files, read, strict=True)]
    letters = {"".join(_LETTER.findall(apart(path.stem))).lower() for path in files}
    are_halves = len(set(left)) > 1 or letters == {"a", "p"}
    if named is not None and _may_be_of_half_a_day(named):  # 3p, which nobody writes for three in the morning
        afternoon = all(_AFTERNOON.match(text.rest) for text in named)
        parts = min(_values(named)) > 0 and any(_PART_OF_DAY.search(apart(path.stem)) for path in files)
        are_halves = are_halves or bool(left[0]) or afternoon or parts
    if are_halves:
        raise DataError(
            f"{folder}: expected AM or PM behind the time, as in 6pm or 06_30_PM, found {files[0].name}; --hours or a "
            "file hours.txt says the times"
        )


def _may_be_of_half_a_day(texts: Sequence[TimeText]) -> bool:
    """Whether numbers may be hours of a clock that has twelve: counters of three digits and more are none."""
    found = hours_of_wholes(texts) if _are_whole(texts) else _values(texts)
    if found is None:
        return max(_values(texts)) <= 12 and all(len(text.digits) <= 2 for text in texts)
    return max(found) < 13


def lines_of_rest(folder: Path, texts: Sequence[TimeText]) -> list[str]:
    """What may be minutes that all frames have, behind numbers that are read as hours or counts."""
    minutes = _minutes_behind(texts)
    if len(minutes) < len(texts) or len({int(found[2]) for found in minutes}) > 1 or int(minutes[0][2]) == 0:
        return []
    return [
        f"{folder}: {minutes[0][0]!r} behind the numbers of all names is left out; minutes are read from names such as "
        "13h05 or 13-05 (--first-hour: the time of the first frame)"
    ]


def lines_of_start(folder: Path, files: Sequence[Path], texts: Sequence[TimeText]) -> list[str]:
    """What may be the hour of all frames, in front of numbers that are read as hours: 06-00, 06-10, 06-20."""
    stems = [path.stem for path in files]
    before = {stem[: len(stem) - len(text.digits + text.rest)] for stem, text in zip(stems, texts, strict=True)}
    found = _SHARED_HOUR.search(next(iter(before))) if len(before) == 1 else None
    if found is None or int(found[0][:-1]) > HOURS_PER_DAY or max(_values(texts)) < 2:
        return []
    return [
        f"{folder}: {found[0]!r} in front of the numbers of all names is left out (--hours: other times, such as of "
        "frames within one hour)"
    ]


def refuse_minutes(folder: Path, files: Sequence[Path], texts: Sequence[TimeText]) -> None:
    """Refuse what may be minutes behind numbers that are read as hours or counts, unless it counts the frames."""
    minutes = sorted(int(found[2]) for found in _minutes_behind(texts))
    if any(_HALF_HOUR.match(text.rest) for text in texts):
        raise _unread_minutes(folder, files[0])
    if minutes and minutes[0] < minutes[-1] and any(b - a != 1 for a, b in pairwise(minutes)):
        raise _unread_minutes(folder, files[0])


def _minutes_behind(texts: Sequence[TimeText]) -> list[re.Match[str]]:
    """What may be minutes behind hours that are read without; none where a name has no such number."""
    hours = [text for text in texts if text.kind != DECIMAL and re.fullmatch("[0-9]{1,2}[^0-9]*", text.digits)]
    found = [one for text in hours if (one := _MINUTES.match(text.rest)) is not None]
    are_numbers = any(len(one[2]) == 2 or _PLAIN.fullmatch(one[1]) for one in found)  # unlike those of _v2
    return found if len(found) == len(hours) and are_numbers else []


def _are_hours_and_minutes(columns: tuple[Sequence[TimeText], Sequence[TimeText]]) -> bool:
    """Whether two numbers of all names, one after the other, may be the clock time together, which neither is alone."""
    hours, minutes = columns
    are_hours = _are_whole(hours) and all(len(text.digits) <= 2 and text.value <= HOURS_PER_DAY for text in hours)
    are_minutes = _are_whole(minutes) and all(len(text.digits) == 2 and text.value < 60 for text in minutes)
    pairs = {(hour.value, minute.value) for hour, minute in zip(hours, minutes, strict=True)}
    return are_hours and are_minutes and len(pairs) == len(hours)


def _unread_minutes(folder: Path, file: Path) -> DataError:
    return DataError(
        f"{folder}: expected one number that tells the time in every name, found what may be minutes, such as in "
        f"{file.name}; minutes are read from names such as 13h05 or 13-05; --hours or a file hours.txt says the times"
    )
