"""How the files of a day are to be read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from todpack.decompressor.errors import RequestError
from todpack.decompressor.given import given_kind, given_number, given_path, repr_of

from .from_array import given_hours

ALPHA_MASK, NO_MASK = "alpha", "none"


@dataclass(frozen=True)
class ReadOptions:
    """The options of `read_day`; plain values, so that they can be sent to other processes and put into a digest.

    Attributes:
        mask: Name of a file, ALPHA_MASK or NO_MASK.
        hours: Times, or a text or the name of a file with them.
        first_hour: Of frames whose names only count.
        encoding: Of the values.
        layer: Of EXR files.
    """

    mask: str | None = None
    hours: str | tuple[float, ...] | None = None
    first_hour: float | None = None
    encoding: str = "none"
    layer: str | None = None

    @classmethod
    def of(
        cls,
        mask: str | Path | None = None,
        hours: str | Path | Sequence[float] | None = None,
        first_hour: float | None = None,
        encoding: str = "none",
        layer: str | None = None,
    ) -> ReadOptions:
        """From what `read_day` takes.

        Raises:
            DataError: times that are no numbers.
            RequestError: something else of another kind.
        """
        mask = None if mask is None else given_path(mask, "mask: expected a path, alpha or none")
        first_hour = None if first_hour is None else given_number(first_hour, "first_hour: expected a number")
        if not isinstance(encoding, str):
            raise RequestError(f"encoding: expected a name, found {repr_of(encoding):.80}")
        given_kind(layer, str, "layer: expected a name")
        if isinstance(hours, Path):
            hours = str(hours)
        elif hours is not None and not isinstance(hours, str):
            hours = tuple(given_hours(hours))
        return cls(None if mask is None else str(mask), hours, first_hour, encoding, layer)

    @property
    def words(self) -> list[str]:
        """The same as words of a command line, which mean the same in any folder."""
        hours = self.hours if isinstance(self.hours, str | None) else ",".join(f"{hour:.17g}" for hour in self.hours)
        if hours is not None and os.path.isfile(hours):
            hours = os.path.abspath(hours)
        given = {
            "--mask": self.mask if self.mask_file is None else os.path.abspath(self.mask_file),
            "--hours": hours,
            "--first-hour": None if self.first_hour is None else f"{self.first_hour:.17g}",
            "--encoding": None if self.encoding == "none" else self.encoding,
            "--layer": self.layer,
        }
        return [word for name, value in given.items() if value is not None for word in (name, value)]

    @property
    def mask_file(self) -> Path | None:
        """The mask that the user names."""
        return None if self.mask in (None, ALPHA_MASK, NO_MASK) else Path(self.mask or "")


AS_FOUND = ReadOptions()
"""Everything as the files say."""
