"""A time of day at the beginning of a text: 05.90, 5-30, 05-30-15, 05.30.15, 0h30, 6h_30m, 6am, 0530, or a number."""

from __future__ import annotations

import re
from dataclasses import dataclass

CLOCK, DECIMAL, WHOLE = "clock", "decimal", "whole"
_END = r"(?:(?![0-9a-z])|(?=(?:z|utc)(?![0-9a-z])))"
_HALF_DAY = re.compile(
    r"(?P<hour>[0-9]{1,2})(?:(?P<sign>[-.:h_]?)(?P<minute>[0-9]{2})(?:(?P=sign)(?P<second>[0-9]{2}))?)?"
    r"[ \u00a0\u202f_-]?(?P<half>[ap])(?:m|\.m\.)" + _END,
    re.IGNORECASE,
)
_HALF = re.compile(r"(?<![a-z])h?(?P<half>[ap])[. ]?m(?![a-z])|(?P<other>[上下]午|午[前后後]|오[전후])", re.IGNORECASE)
_COLON = "[-:\uff1a\ua789\u2236]"  # and what stands for it where names of files may have none
_CLOCK = re.compile(
    r"(?P<hour>[0-9]{1,2})(?:h(?:rs?)?[ _-]?(?P<m1>[0-9]{1,2})m(?:in)?|h\.?(?P<m2>[0-9]{2})?(?:m|min)?|hrs?"
    rf"|\.(?P<m5>[0-9]{{2}})m(?:ins?)?|(?P<sign>{_COLON})(?P<m3>[0-9]{{2}})(?:(?P=sign)(?P<s3>[0-9]{{2}})|(?!:[0-9]))|\.(?P<m4>[0-9]{{2}})\.(?P<s4>[0-9]{{2}}))"
    + _END,
    re.IGNORECASE,
)
_WORD_BEGINS = re.compile("(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NUMBER = re.compile(r"(0?[0-9]{1,2}\.[0-9]+)(?![0-9])|([0-9]+)")


@dataclass(frozen=True)
class TimeText:
    """What was read.

    Attributes:
        value: Hours; of a whole number the number, which may be a count.
        kind: CLOCK, DECIMAL or WHOLE.
        digits: The number as written.
        rest: What follows it in the text.
    """

    value: float
    kind: str
    digits: str
    rest: str


def read_time(text: str) -> TimeText | None:
    """Read the time at the beginning of a text, or None."""
    if found := _HALF_DAY.match(text):
        hour, minute, second = int(found["hour"]), int(found["minute"] or 0), int(found["second"] or 0)
        if (1 <= hour <= 12 or (hour == 0 and found["half"] in "aA")) and minute < 60 and second < 60:
            value = hour % 12 + 12 * (found["half"] in "pP") + minute / 60 + second / 3600
            return TimeText(value, CLOCK, found[0], text[found.end() :])
    if found := _CLOCK.match(text):
        minute = int(found["m1"] or found["m2"] or found["m3"] or found["m4"] or found["m5"] or 0)
        hour, second = int(found["hour"]), int(found["s3"] or found["s4"] or 0)
        if hour <= 24 and minute < 60 and second < 60:
            return TimeText(hour + minute / 60 + second / 3600, CLOCK, found[0], text[found.end() :])
    if found := _NUMBER.match(text):
        return TimeText(float(found[0]), DECIMAL if found[1] else WHOLE, found[0], text[found.end() :])
    return None


def halves(text: str) -> str:
    """The halves of the day that a text names, such as "p" of PM_06, in Chinese, Japanese and Korean too."""
    return "".join(found["half"] or found["other"] for found in _HALF.finditer(apart(text))).lower()


def apart(text: str) -> str:
    """A text whose words in CamelCase stand apart: Lightmap_AM6 of LightmapAM6, UV_Mask of UVMask."""
    return _WORD_BEGINS.sub("_", text)


def all_times(text: str) -> list[TimeText]:
    """Every time in a text, in order; `rest` is what follows it."""
    found = []
    while start := re.search(r"[0-9]", text):
        read = read_time(text[start.start() :])
        assert read is not None
        found.append(read)
        text = read.rest
    return found


def parse_hour(text: str) -> float | None:
    """Hours from a whole text such as 5.9, 05:54, 5h54 or 6am; None for anything else."""
    found = read_time(text.strip())
    return found.value if found is not None and not found.rest else None
