"""Lists of times: `--hours 0,5.9,6`, hours.txt and hours.csv."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from .errors import DataError
from .time_text import parse_hour

MAX_BYTES, MAX_ROWS = 1 << 20, 1 << 16


def hours_of_lines(lines: Sequence[str], where: object, files: Sequence[Path]) -> list[float]:
    """The time of each frame.

    A line is a time, or the name of a frame and its time; a first line without a time is a heading, `#` begins a
    comment. A single line may hold all times. Between tabs and semicolons a comma may be a decimal point.

    Args:
        lines: Of the list.
        where: What it is, for messages.
        files: The frames, in the order in which times without names count.

    Raises:
        DataError: a time cannot be read, a frame has none or two, or a name is no frame.
    """
    rows = [(number, text.partition("#")[0].strip()) for number, text in enumerate(lines, 1)]
    rows = [(number, text) for number, text in rows if text.strip(" ,;\t")]
    single = _fields(rows[0][1]) if len(rows) == 1 else []
    if max(len(rows), len(single)) > MAX_ROWS:
        raise DataError(f"{where}: expected at most {MAX_ROWS} times, found {max(len(rows), len(single))}")
    if single and all(parse_hour(field) is not None for field in single):
        rows = [(1, field) for field in single]
    times: list[float] = []
    by_name: dict[str, float] = {}
    for number, text in rows:
        fields = _fields(text)
        hour = parse_hour(fields[-1])
        if hour is None:
            if number == rows[0][0] and len(rows) > 1:
                continue
            raise DataError(f"{where}: line {number}: expected a time such as 5.9 or 05:54, found {fields[-1]!r:.80}")
        if len(fields) > 2:
            bad = next((field for field in fields if parse_hour(field) is None), None)
            if len(rows) == 1 and bad is not None:
                raise DataError(f"{where}: line {number}: expected a time such as 5.9 or 05:54, found {bad!r:.80}")
            raise DataError(f"{where}: line {number}: expected a name and a time, found {len(fields)} fields")
        if len(fields) > 1:
            if fields[0] in by_name:
                raise DataError(f"{where}: line {number}: expected each frame once, found {fields[0]!r} again")
            by_name[fields[0]] = hour
        else:
            times.append(hour)
    return _of_names(by_name, times, where, files) if by_name else _of_order(times, where, files)


def _fields(text: str) -> list[str]:
    separator = next((one for one in "\t;," if one in text), None)
    if separator is None and parse_hour(text) is not None:  # 6 AM is one
        return [text]
    fields = [field.strip().strip("\"' ") for field in text.split(separator) if field.strip()]
    if separator in ("\t", ";"):
        fields = [re.sub(r"^([0-9]+),([0-9]+)$", r"\1.\2", field) for field in fields]
    return fields


def _of_order(times: list[float], where: object, files: Sequence[Path]) -> list[float]:
    if len(times) != len(files):
        raise DataError(f"{where}: expected {len(files)} times, one for each frame, found {len(times)}")
    return times


def _of_names(by_name: dict[str, float], times: list[float], where: object, files: Sequence[Path]) -> list[float]:
    if times:
        raise DataError(f"{where}: expected a name beside every time, found {len(times)} times without one")
    found = []
    for file in files:
        names = [name for name in (file.name, file.stem) if name in by_name]
        if not names:
            raise DataError(f"{where}: expected a time for each frame, found none for {file.name}")
        found.append(by_name.pop(names[0]))
    kinds = {"", *(file.suffix for file in files)}
    others = [name for name in by_name if Path(name).suffix in kinds]  # frames of another kind may be listed too
    if others:
        raise DataError(f"{where}: expected names of frames, found {others[0]!r}")
    return found
