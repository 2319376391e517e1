"""The options by which every command that reads frames is told how."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from .encodings import NAMES, encoding_of
from .read_options import ReadOptions

_OPTIONS = (
    click.option(
        "--mask",
        metavar="FILE|alpha|none",
        help="Valid texels: a mask image, the frames' alpha, or all.  [default: valid.png or mask.png beside the "
        "frames; alpha of 0 and 255; or what is not black in every frame]",
    ),
    click.option(
        "--hours",
        metavar="H,H,...|FILE",
        help="Times of the frames in the order of their names.  [default: hours.txt or hours.csv beside the frames; "
        "the names; or i 24 / T]",
    ),
    click.option("--first-hour", type=float, metavar="H", help="Time of the first frame, where the names only count."),
    click.option("--encoding", default="none", show_default=True, metavar="NAME", help=f"Of the values: {NAMES}."),
    click.option("--layer", metavar="NAME", help="Layer of EXR files whose R, G and B are read."),
)


def frame_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Declare --mask, --hours, --first-hour, --encoding and --layer; the command gets them as `reading: ReadOptions`.

    A wrong encoding is an error before anything is read.
    """

    @functools.wraps(command)
    def with_reading(
        *args: Any,
        mask: str | None,
        hours: str | None,
        first_hour: float | None,
        encoding: str,
        layer: str | None,
        **options: Any,
    ) -> Any:
        encoding_of(encoding)
        return command(*args, reading=ReadOptions(mask, hours, first_hour, encoding, layer), **options)

    for option in reversed(_OPTIONS):
        with_reading = option(with_reading)
    return with_reading
