"""What decoded files and folders are called: frames by their times, folders by their lightmaps, on any system."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from decimal import ROUND_DOWN, Decimal

from .errors import RequestError

MAX_NAME = 100
RESERVED_NAMES = frozenset(("CON", "PRN", "AUX", "NUL", *(f"{port}{i}" for port in ("COM", "LPT") for i in range(10))))
"""Of devices on Windows."""


def frame_names(hours: list[float]) -> list[str]:
    """File names without suffix: tod_00, tod_01, ... for whole hours, tod_18.50 for others, all different.

    Digits beyond those that a name shows are cut off, never rounded up to another hour.

    Raises:
        RequestError: two of the times are too close to get different names.
    """
    names = [f"tod_{int(h):02d}" if h == int(h) else f"tod_{_cut(h, '0.01'):0>5}" for h in hours]
    if len(set(names)) != len(set(hours)):
        names = [f"tod_{_cut(h, '0.000001'):0>9}" for h in hours]
        if len(set(names)) != len(set(hours)):
            raise RequestError("times: expected some at least a millionth of an hour apart, found closer (see --hours)")
    return names


def _cut(hour: float, unit: str) -> str:
    return str(Decimal(repr(float(hour))).quantize(Decimal(unit), ROUND_DOWN))


def safe_names(names: list[str], others: Iterable[str] = ()) -> list[str]:
    """Any names as names of folders that stay where they are put, all different and none of `others`, on any system."""
    safe: list[str] = []
    taken = {name.lower() for name in others}
    plain = [re.sub(r"[^A-Za-z0-9._-]|^-", "_", name)[:MAX_NAME].strip(".") or "lightmap" for name in names]
    times = Counter(name.lower() for name in plain)
    for number, name in enumerate(plain):
        if name.split(".")[0].upper() in RESERVED_NAMES:
            name = f"_{name}"
        if times[plain[number].lower()] > 1 or name.lower() in taken:
            name = f"{name}-{number}"
        while name.lower() in taken:
            name += "_"
        taken.add(name.lower())
        safe.append(name)
    return safe
