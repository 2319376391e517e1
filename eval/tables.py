"""Tables, in columns for a terminal or as Markdown for a document, and how figures are written in them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


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
    table = [head, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    sides = ["<" if side == "l" else ">" for side in align.ljust(len(head), "r")]
    return [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)).rstrip()
        for row in table
    ]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


@dataclass(frozen=True)
class Table:
    """A table that is written both ways: a line above it, titles, cells, and see `columns` for `align`."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    align: str = "l"

    def columns(self) -> list[str]:
        """Lines for a terminal."""
        return [self.caption, "", *columns(self.head, self.rows, self.align), ""]

    def markdown(self) -> list[str]:
        """Lines of Markdown."""
        return [self.caption, "", *markdown(self.head, self.rows), ""]
