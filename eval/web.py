"""HTML pages of one file: front-end files of `eval/viewer` with data in their marked places."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any


def asset(name: str) -> str:
    """Text of a front-end file."""
    return files("eval").joinpath("viewer", name).read_text(encoding="utf-8")


def embedded_json(value: Any) -> str:
    """JSON that can stand inside of a <script> element."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def filled_page(template: str, *, styles: Sequence[str], scripts: Sequence[str], **fields: str) -> str:
    """Put styles, scripts and fields into the places `{{ name }}` of a template.

    Args:
        template: Front-end file.
        styles: Front-end files for the place `style`.
        scripts: Front-end files for the place `script`, in order.
        **fields: Text for the other places, escaped by the caller.
    """
    fields |= {"style": "\n".join(map(asset, styles)), "script": "\n".join(map(asset, scripts))}
    page, *parts = asset(template).split("{{")  # one pass: what is put in is never searched again
    for part in parts:
        name, rest = part.split("}}", 1)
        page += fields[name.strip()] + rest
    return page
