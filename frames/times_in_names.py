"""What the names of frames say of their times: the number that differs, or a clock time. docs/frames.md "Times"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from .day import HOURS_PER_DAY
from .errors import DataError
from .time_text import CLOCK, DECIMAL, WHOLE, TimeText, read_time

_DATE = re.compile(
    r"(?<![0-9])(?:19[0-9]{2}|20[0-3][0-9])([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12][0-9]|3[01])(?![0-9])"
)
_HOUR_IN_FRONT = re.compile(
    r"[:\uff1a\ua789\u2236]| ?(?:h(?:(?:ou)?rs?)?|uhr|std|o'?clock|heures?|[点點時时시])[^0-9a-z]*",
    re.IGNORECASE,
)
"""What stands between the hour that all names share and minutes that differ, and nothing else."""
_SURE = re.compile("[^-.0-9]")
"""In a clock time, which is nothing else then: 6h30, 6:30, 6am."""
_HOUR_BEHIND = re.compile(
    r"[ _-]?(?:hs?|hrs?|hours?|uhr|std|heures?|uur|u|o'?clock|hod|godz|m|min|z|utc|cet|[点點時时시])(?![a-z])",
    re.IGNORECASE,
)
_HOUR_BEFORE = re.compile(r"(?<![a-z])(?:kl|klo|klockan|ore|um|las|alle|jam|pukul|godz|t)[. _-]*$", re.IGNORECASE)
"""Around an hour and minutes with a point between them: 06.30 Uhr, kl. 06.30."""

_OF_TEXTURES = re.compile("10[0-9][0-9]|256|512|2048|4096|8192")
"""Numbers of tiles (UDIM) and sides."""
_UNIT = re.compile("(?:-?bits?|[kxf]|px|spp)(?![a-z])", re.IGNORECASE)
"""Behind a number that is no part of a time."""
_FRAME = re.compile(r"(?<![a-z])(?:f|frame|img|image|index|idx)[^0-9a-z]*$", re.IGNORECASE)

Names = Sequence[Sequence[str]]
"""The pieces of each name: text, number, text, number, ..., text."""


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
            if found is not None and _are_sure(found) and len({text.value for text in found}) > 1:
                return _with_shared_hour(folder, files, names, place, found)
        return None
    times = _without_frame_numbers(names, unlike)
    found = _read(names, times[0]) or _wholes(names, times[0])
    if not _places(found, times[0]).issuperset(times):
        return _of_several(folder, files, names, times)
    _refuse_pairs(folder, files, names, times[0], found)
    _refuse_keys(folder, files, found)
    return _with_shared_hour(folder, files, names, times[0], _without_shared_fraction(found))


def _without_frame_numbers(names: Names, unlike: list[int]) -> list[int]:
    """Without the numbers that are said to be those of the frames, where they count them in the order of the times."""
    frames = [place for place in unlike if all(_is_of_frame(pieces, place) for pieces in names)]
    others = [place for place in unlike if place not in frames]
    if not frames or not others:
        return unlike
    times = _values(_read(names, others[0]) or _wholes(names, others[0]))
    for place in frames:
        column = [pieces[place] for pieces in names]
        in_order = [time for _, time in sorted(zip(map(int, column), times, strict=True))]
        if not _counts_frames(column) or in_order != sorted(times):
            return unlike
    return others


def _is_of_frame(pieces: Sequence[str], place: int) -> bool:
    """Whether a number is said to be that of a frame, or is as wide as only these are: 0012."""
    is_wide = len(pieces[place]) > 3 and pieces[place].startswith("00")
    return is_wide or _FRAME.search(pieces[place - 1]) is not None


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
    clocks = [found for place in unlike if (found := _read(names, place)) is not None and _are_sure(found)]
    if len(clocks) == 1:
        return clocks[0]  # the others count, or are refused (other_numbers.py)
    columns = [[pieces[place] for pieces in names] for place in unlike]
    orders = [sorted(range(len(names)), key=list(map(int, column)).__getitem__) for column in columns]
    if clocks or orders.count(orders[0]) < len(orders) or not all(map(_counts_frames, columns)):
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
    is_alike = len({(len(_numbers(text)), text.kind == CLOCK) for text in texts}) == 1
    return texts if is_alike and len(texts) == len(names) else None


def _numbers(text: TimeText) -> list[str]:
    return re.findall("[0-9]+", text.digits)


def _places(found: Sequence[TimeText], place: int) -> set[int]:
    """Where the numbers of times are that begin at a place."""
    return set(range(place, place + 2 * len(_numbers(found[0])), 2))


def _are_sure(texts: Sequence[TimeText]) -> bool:
    return all(text.kind == CLOCK and _SURE.search(text.digits) for text in texts)


def _counts_frames(column: Sequence[str]) -> bool:
    """Whether numbers count from 0 or 1, or are those of frames of a longer day."""
    numbers = sorted(map(int, column))
    begins = numbers[0] < 2 or all(len(digits) > 2 for digits in column)
    return begins and all(b - a == 1 for a, b in pairwise(numbers))


def _refuse_pairs(folder: Path, files: Sequence[Path], names: Names, place: int, found: Sequence[TimeText]) -> None:
    """Refuse times that may be something else: the number of a frame and its hour (01-06, 02-09), 06.30 Uhr."""
    rows = [_numbers(text) for text in sorted(found, key=lambda text: text.value)]
    if len(rows[0]) < 2:
        return
    columns = list(zip(*rows, strict=True))
    first, second = columns[0], list(map(int, columns[1]))
    is_counted, rises = _counts_frames(first), all(a < b for a, b in pairwise(second))
    differ = min(second) < max(second) or (is_counted and not all(map(is_same, columns[2:])))
    may_be_hours = differ and max(second) <= HOURS_PER_DAY
    if all(text.kind == DECIMAL for text in found):
        are_frames = is_counted and _counts_frames(columns[1]) and all(len(digits) > 2 for digits in columns[1])
        are_minutes = all(len(digits) == 2 and digits < "60" for digits in columns[1]) and any(second)
        has_word = all(_HOUR_BEHIND.match(text.rest) for text in found)
        has_word = has_word or all(_HOUR_BEFORE.search("".join(pieces[:place])) for pieces in names)
        is_other = are_frames or (are_minutes and has_word)
    elif any(text.digits[-1] in "mM." for text in found):  # AM and PM
        is_other = is_counted and min(second) > 0 and max(second) <= 12
    else:
        is_frame = is_counted or (rises and len(found) > 2) or all(_FRAME.search(pieces[place - 1]) for pieces in names)
        is_other = may_be_hours and is_frame and not _are_sure(found)
    if is_other:
        raise several_numbers(folder, files[0])


def _refuse_keys(folder: Path, files: Sequence[Path], found: Sequence[TimeText]) -> None:
    """Refuse numbers that may be hours and minutes or hours times 100: 600, 630; 0600, 0650."""
    if not are_whole(found) or are_consecutive(found) or hours_of_wholes(found) is None:
        return
    behind = {int(text.value) % 100 for text in found} - {0}
    are_clocks = all(len(text.digits) == 4 for text in found)
    if max(_values(found)) > HOURS_PER_DAY and behind and behind <= ({50} if are_clocks else {15, 30, 45}):
        raise DataError(
            f"{folder}: expected hours and minutes such as 0630 or hours times 100 such as 650, found what may be "
            f"either, such as in {files[0].name}; --hours or a file hours.txt says the times"
        )


def _without_shared_fraction(found: list[TimeText]) -> list[TimeText]:
    """Without what all names have behind a point, where it is no part of an hour: 06.1001, 06.2048, 06.4k."""
    fractions = {text.digits.partition(".")[2] for text in found}
    if not all(text.kind == DECIMAL for text in found) or len(fractions) > 1:
        return found
    (fraction,) = fractions
    if not (_OF_TEXTURES.fullmatch(fraction) or all(_UNIT.match(text.rest) for text in found)):
        return found
    wholes = [text.digits.partition(".")[0] for text in found]
    return [
        TimeText(float(whole), WHOLE, whole, f".{fraction}{text.rest}")
        for whole, text in zip(wholes, found, strict=True)
    ]


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
    if whole is not None and len(_numbers(whole[0])) > 1:
        if is_hour or _are_no_hours(found):
            _refuse_pairs(folder, files, names, place - 2, whole)
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


def is_same(column: Sequence[str]) -> bool:
    """Whether all numbers are."""
    return len(set(map(int, column))) == 1


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
