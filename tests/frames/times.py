"""Times of frames that lie nowhere, for tests."""

from __future__ import annotations

from pathlib import Path

from todpack.frames.hours import find_times

DAY = Path("nowhere") / "day"


def times_of(names: list[str], **options: object) -> tuple[list[str], list[float], tuple[str, ...]]:
    found = find_times(DAY, [DAY / name for name in reversed(names)], **options)  # type: ignore[arg-type]
    return [file.name for file in found.files], [round(float(hour), 6) for hour in found.hours], found.warnings
