"""What the names of frames hold beside the times that are read, none of which may be a part of them unseen.

docs/frames.md "Times".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .day import HOURS_PER_DAY
from .errors import DataError
from .name_numbers import are_consecutive, are_whole, follow, hours_of_wholes, is_same, several_numbers, values_of
from .time_text import TimeText, apart, halves
from .times_in_names import stems_of

_PLAIN = re.compile(r"[a-z]?|(?:[^0-9a-z]|h(?:(?:ou)?rs?)?|uhr|m(?:in(?:ute)?s?)?)*", re.IGNORECASE)
"""What may stand between hours and minutes: signs, words for them, any one letter."""
_MINUTES = re.compile("m(?![a-z])|min|['’′分분]", re.IGNORECASE)
_UNIT = re.compile("-?bits?|[kx]|px|spp", re.IGNORECASE)
"""Behind a number that is no minute: 16bit, 2k."""
_AFTERNOON = re.compile("(?<![a-z])(?<![0-9]{3})p(?![a-z]|[0-9](?![0-9]))", re.IGNORECASE)
_LETTER = re.compile("(?<![a-z])[ap](?![a-z])", re.IGNORECASE)
_PART_OF_DAY = re.compile(
    "(?<![a-z])(morning|afternoon|evening|night|dusk|sunset|vorm|nachm|abends|nachts|matin|soir|tarde|noche|sera)|[晚夜夕]",
    re.IGNORECASE,
)
_UNREAD_MINUTES = re.compile("[^0-9]?[半반]|[\"'’′″分분]|min", re.IGNORECASE)
"""Behind an hour: half past; and signs of minutes, behind what is read as hours."""


def refuse_halves(folder: Path, files: Sequence[Path], named: Sequence[TimeText] | None) -> None:
    """Refuse AM and PM that were not read with the numbers: some of the frames may be half a day off."""
    stems = stems_of(files)
    read = [""] * len(files) if named is None else [text.digits for text in named]
    left = [stem.replace(digits, " ", 1) for stem, digits in zip(stems, read, strict=True)]
    found = list(map(halves, left))
    letters = {"".join(_LETTER.findall(apart(stem))).lower() for stem in stems}
    glued = {re.sub("[0-9]", "", stem).lower() for stem in left}  # lmam, lmpm: alike but for these
    are_glued = len(glued) > 1 and len({re.sub("[ap](?=[. ]?m)", "", stem) for stem in glued}) == 1
    are_halves = len(set(found)) > 1 or letters == {"a", "p"} or are_glued
    if named is not None and _may_be_of_half_a_day(named):  # 3p, which nobody writes for three in the morning
        afternoon = all(_AFTERNOON.search(text.rest) for text in named)
        counts = are_whole(named) and hours_of_wholes(named) is None  # 1_morning, 2_noon
        counts = counts or min(values_of(named)) == 0
        parts = not counts and any(_PART_OF_DAY.search(apart(stem)) for stem in stems)
        are_halves = are_halves or bool(found[0]) or afternoon or parts
    if are_halves:
        raise DataError(
            f"{folder}: expected AM or PM behind the time, as in 6pm or 06_30_PM, found {files[0].name}; --hours or a "
            "file hours.txt says the times"
        )


def _may_be_of_half_a_day(texts: Sequence[TimeText]) -> bool:
    """Whether numbers may be hours of a clock that has twelve: counters of three digits and more are none."""
    found = hours_of_wholes(texts) if are_whole(texts) else values_of(texts)
    if found is None:
        return max(values_of(texts)) <= 12 and all(len(text.digits) <= 2 for text in texts)
    return max(found) < 13


def lines_of_other_numbers(folder: Path, files: Sequence[Path], texts: Sequence[TimeText]) -> list[str]:
    """Lines about numbers beside the times; each is the same in all names, or counts the frames, or it is refused.

    Args:
        folder: For messages.
        files: In the order of the times.
        texts: What is read of each name.

    Raises:
        DataError: a number may be the time, or a part of it.
    """
    starts = [stem.removesuffix(text.digits + text.rest) for stem, text in zip(stems_of(files), texts, strict=True)]
    before, behind = _pieces(starts), _pieces([text.rest for text in texts])
    if before is None or behind is None or any(_UNREAD_MINUTES.match(text.rest) for text in texts):
        raise several_numbers(folder, files[0])
    are_short = all(re.match("[0-9]{1,2}(?![0-9])", text.digits) for text in texts)
    lacks_minutes = are_short and all(re.fullmatch("[0-9]+[^0-9]*", text.digits) for text in texts)
    hours = [_Beside(before[-2], before[-1])] if len(before) > 1 and are_short else []
    minutes = [_Beside(behind[1], behind[0], behind[2])] if len(behind) > 1 and lacks_minutes else []
    halves_of_day = {text.digits[-2:].lower() for text in texts}
    has_hour = all("h" in text.digits.lower() for text in texts) or halves_of_day == {"am", "pm"}
    parts = [one.numbers for one in ([] if has_hour else hours) + minutes if one.is_joined and lacks_minutes]
    for columns in (before, behind):
        for place in range(1, len(columns), 2):
            column = columns[place]
            if not is_same(column):
                if column in parts or not _counts(column, texts):
                    raise several_numbers(folder, files[0])
                if place + 2 < len(columns) and all(len(digits) <= 2 for digits in column):  # it may be the hour, too
                    minutes.append(_Beside(columns[place + 2], columns[place + 1], columns[place + 3]))
    lines = []
    is_count = are_whole(texts) and are_consecutive(texts)
    if any(hour.may_be(HOURS_PER_DAY) for hour in hours) and not (has_hour or is_count):
        lines.append(
            f"{folder}: {before[-2][0] + before[-1][0]!r} in front of the numbers of all names is left out (--hours: "
            "other times, such as of frames within one hour)"
        )
    for minute in minutes:
        if (minute.may_be(59) or minute.may_be_fraction) and int(minute.numbers[0]) > 0:
            lines.append(
                f"{folder}: {minute.between[0] + minute.numbers[0]!r} behind the numbers of all names is left out; "
                "minutes are read from names such as 13h05 or 13-05 (--first-hour: the time of the first frame)"
            )
    return lines


def _pieces(texts: Sequence[str]) -> list[tuple[str, ...]] | None:
    """Columns of what lies before, between and behind the numbers, and of these; None where some have more."""
    rows = [re.split("([0-9]+)", text) for text in texts]
    return list(zip(*rows, strict=True)) if len({len(row) for row in rows}) == 1 else None


def _counts(column: Sequence[str], texts: Sequence[TimeText]) -> bool:
    """Whether a number counts the frames, in whatever order, or is the time again."""
    numbers = [int(digits) for digits in column]
    return numbers == values_of(texts) or follow(numbers)


@dataclass(frozen=True)
class _Beside:
    """Numbers of all names beside the times, what stands between them and the times, and what behind the numbers."""

    numbers: tuple[str, ...]
    between: tuple[str, ...]
    behind: tuple[str, ...] = ()

    @property
    def is_joined(self) -> bool:
        """They may be hours or minutes of the times, by what stands around them."""
        are_plain = any(map(_PLAIN.fullmatch, self.between)) or any(map(_MINUTES.match, self.behind))
        return are_plain and all(len(digits) <= 2 for digits in self.numbers)

    @property
    def may_be_fraction(self) -> bool:
        """They are the same, and may be what is left of an hour: 06_75, 06,500."""
        is_short = all(1 < len(digits) <= 3 for digits in self.numbers) and not any(map(_UNIT.match, self.behind))
        return is_short and is_same(self.numbers) and any(map(_PLAIN.fullmatch, self.between))

    def may_be(self, most: float) -> bool:
        """They are the same hour, or minute, in all names, for all that one can tell."""
        if not is_same(self.numbers) or int(self.numbers[0]) > most or any(map(_UNIT.match, self.behind)):
            return False
        return self.is_joined or all(len(digits) == 2 for digits in self.numbers)
