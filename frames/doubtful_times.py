"""Times in names that may be something else: refused, or cut down to what they are. docs/frames.md "Times"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from .day import HOURS_PER_DAY
from .errors import DataError
from .name_numbers import (
    FRAME,
    Names,
    are_consecutive,
    are_sure,
    are_whole,
    counts_frames,
    hours_of_wholes,
    is_same,
    numbers_of,
    several_numbers,
    values_of,
)
from .time_text import DECIMAL, WHOLE, TimeText

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


def refuse_pairs(folder: Path, files: Sequence[Path], names: Names, place: int, found: Sequence[TimeText]) -> None:
    """Refuse times that may be something else: the number of a frame and its hour (01-06, 02-09), 06.30 Uhr."""
    rows = [numbers_of(text) for text in sorted(found, key=lambda text: text.value)]
    if len(rows[0]) < 2:
        return
    columns = list(zip(*rows, strict=True))
    first, second = columns[0], list(map(int, columns[1]))
    is_counted, rises = counts_frames(first), all(a < b for a, b in pairwise(second))
    differ = min(second) < max(second) or (is_counted and not all(map(is_same, columns[2:])))
    may_be_hours = differ and max(second) <= HOURS_PER_DAY
    if all(text.kind == DECIMAL for text in found):
        are_frames = is_counted and counts_frames(columns[1]) and all(len(digits) > 2 for digits in columns[1])
        are_minutes = all(len(digits) == 2 and digits < "60" for digits in columns[1]) and any(second)
        has_word = all(_HOUR_BEHIND.match(text.rest) for text in found)
        has_word = has_word or all(_HOUR_BEFORE.search("".join(pieces[:place])) for pieces in names)
        is_other = are_frames or (are_minutes and has_word)
    elif any(text.digits[-1] in "mM." for text in found):  # AM and PM
        is_other = is_counted and min(second) > 0 and max(second) <= 12
    else:
        is_frame = is_counted or (rises and len(found) > 2) or all(FRAME.search(pieces[place - 1]) for pieces in names)
        is_other = may_be_hours and is_frame and not are_sure(found)
    if is_other:
        raise several_numbers(folder, files[0])


def refuse_keys(folder: Path, files: Sequence[Path], found: Sequence[TimeText]) -> None:
    """Refuse numbers that may be hours and minutes or hours times 100: 600, 630; 0600, 0650."""
    if not are_whole(found) or are_consecutive(found) or hours_of_wholes(found) is None:
        return
    behind = {int(text.value) % 100 for text in found} - {0}
    are_clocks = all(len(text.digits) == 4 for text in found)
    if max(values_of(found)) > HOURS_PER_DAY and behind and behind <= ({50} if are_clocks else {15, 30, 45}):
        raise DataError(
            f"{folder}: expected hours and minutes such as 0630 or hours times 100 such as 650, found what may be "
            f"either, such as in {files[0].name}; --hours or a file hours.txt says the times"
        )


def without_shared_fraction(found: list[TimeText]) -> list[TimeText]:
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
