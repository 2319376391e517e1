"""What numbers in the names of frames are for themselves: hours, counts, clock times, or any of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from .day import HOURS_PER_DAY
from .errors import DataError
from .time_text import CLOCK, WHOLE, TimeText

Names = Sequence[Sequence[str]]
"""The pieces of each name: text, number, text, number, ..., text."""
FRAME = re.compile(r"(?<![a-z])(?:f|frame|img|image|index|idx)[^0-9a-z]*$", re.IGNORECASE)
_SURE = re.compile("[^-.0-9]")
"""In a clock time, which is nothing else then: 6h30, 6:30, 6am."""


def are_whole(texts: Sequence[TimeText]) -> bool:
    """Whether all are whole numbers, which may be hours, clock times or counts."""
    return all(text.kind == WHOLE for text in texts)


def values_of(texts: Sequence[TimeText]) -> list[float]:
    """Of each."""
    return [text.value for text in texts]


def follow(numbers: Iterable[float]) -> bool:
    """Whether each is one more than the one before, in some order."""
    return all(b - a == 1 for a, b in pairwise(sorted(numbers)))


def are_consecutive(texts: Sequence[TimeText]) -> bool:
    """`follow` of the values."""
    return follow(values_of(texts))


def is_count(texts: Sequence[TimeText]) -> bool:
    """Whether they are whole numbers that count the hours of a day, and tell none of them."""
    values = values_of(texts)
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


def numbers_of(text: TimeText) -> list[str]:
    """Digits of hours, minutes and seconds."""
    return re.findall("[0-9]+", text.digits)


def are_sure(texts: Sequence[TimeText]) -> bool:
    """Whether all are clock times that can be nothing else."""
    return all(text.kind == CLOCK and _SURE.search(text.digits) for text in texts)


def counts_frames(column: Sequence[str]) -> bool:
    """Whether numbers count from 0 or 1, or are those of frames of a longer day."""
    begins = min(map(int, column)) < 2 or all(len(digits) > 2 for digits in column)
    return begins and follow(map(int, column))


def several_numbers(folder: Path, file: Path) -> DataError:
    """Of names in which any of several numbers may be the time, or a part of it."""
    return DataError(
        f"{folder}: expected one number that tells the time in every name, found several, such as in {file.name}; "
        "minutes are read from names such as 13h05 or 13-05; --hours or a file hours.txt says the times"
    )


def is_same(column: Sequence[str]) -> bool:
    """Whether all numbers are."""
    return len(set(map(int, column))) == 1
