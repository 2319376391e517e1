"""Tables and the lines around them, for a terminal or as Markdown, and how figures are written in them."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from todpack.decompressor.plain_text import shown


def figure(value: float | None, digits: int, unit: str = "", absent: str = "absent") -> str:
    """A figure with so many digits after the point, or the word for one that was not measured."""
    return absent if value is None else f"{value:.{digits}f}{unit}"


def finite(value: float | None) -> float | None:
    """What JSON holds of a figure: None where it is absent, infinite or NaN."""
    return value if value is not None and math.isfinite(value) else None


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], align: str = "l") -> list[str]:
    """Lines of a table, each column as wide as its widest cell.

    Args:
        head: Titles of the columns.
        rows: Cells, as many in a row as there are titles.
        align: "l" or "r" for each column; those beyond its end are aligned to the right.
    """
    table = [head, *([shown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    sides = ["<" if side == "l" else ">" for side in align.ljust(len(head), "r")]
    return [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)).rstrip()
        for row in table
    ]


def plain_markdown(name: str) -> str:
    """A name that others gave, such as a folder's, in which Markdown finds no tags, cells or code."""
    return html.escape(shown(name), quote=False).replace("|", "&#124;").replace("`", "&#96;")


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


@dataclass(frozen=True)
class Table:
    """A table with a line above it; see `columns` for `align`."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    align: str = "l"


Part = Table | str | list[str]
"""A table, a paragraph, or notes of a line each."""


def terminal(parts: Sequence[Part]) -> str:
    """The parts for a terminal, an empty line after each."""
    lines: list[str] = []
    for part in parts:
        if isinstance(part, Table):
            lines += [part.caption, "", *columns(part.head, part.rows, part.align), ""]
        else:
            lines += [*([part] if isinstance(part, str) else part), ""]
    return "\n".join(lines)


def document(parts: Sequence[Part]) -> list[str]:
    """The parts as lines of Markdown."""
    lines: list[str] = []
    for part in parts:
        if isinstance(part, Table):
            lines += [part.caption, "", *markdown(part.head, part.rows), ""]
        else:
            lines += [*([part] if isinstance(part, str) else (f"- {note}" for note in part)), ""]
    return lines
