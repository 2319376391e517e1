"""HTML pages of one file: front-end files of this package with data in their marked places."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any


def asset(name: str) -> str:
    """Text of a front-end file, by its path in `eval/`."""
    return files("todpack.eval").joinpath(name).read_text(encoding="utf-8")


def embedded_json(value: Any) -> str:
    """JSON that can stand inside of a <script> element."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _filled(template: str, fields: dict[str, str]) -> str:
    page, *parts = template.split("{{")  # one pass: what is put in is never searched again
    for part in parts:
        name, rest = part.split("}}", 1)
        page += fields[name.strip()] + rest
    return page


def filled_page(body: str, *, title: str, styles: Sequence[str], scripts: Sequence[str], **fields: str) -> str:
    """A page from `page.html`, whose places `{{ name }}` are filled.

    Args:
        body: Front-end file of what follows the header.
        title: Of the page, escaped by the caller.
        styles: Front-end files for the place `style`.
        scripts: Front-end files for the place `script`, in order.
        **fields: Text for the places of `body`, escaped by the caller.
    """
    style, script = "\n".join(map(asset, styles)), "\n".join(map(asset, scripts))
    filled = _filled(asset(body), fields)
    return _filled(asset("web/page.html"), {"title": title, "style": style, "body": filled, "script": script})
