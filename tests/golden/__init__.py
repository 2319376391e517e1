"""Archives of every version of the format, and what they decode to."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def dilated_digests() -> dict[str, dict[str, dict[str, str]]]:
    """SHA-256 of frames with filled gutters: by archive, lightmap and hour. Each version has a file of its own."""
    listed: dict[str, dict[str, dict[str, str]]] = {}
    for file in FOLDER.glob("dilate*.json"):
        listed |= json.loads(file.read_text())
    return listed
