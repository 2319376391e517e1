"""The order of frames by their names."""

from __future__ import annotations

import re
from pathlib import Path


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """tod_2 before tod_10; equal to the plain order for zero-padded names."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(p), p) if p.isdecimal() else (1, 0, p) for p in parts]
