"""Strict JSON, and typed access to its fields with one clear line for each thing that is wrong."""

from __future__ import annotations

import errno
import json
import math
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from .errors import InvalidMetadataError

HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    "\ud800-\uf8ff\ufeff\ufff0-\ufffb\ufffe\uffff\U000e0000-\U0010ffff]"
)
"""Characters that no text has: FORMAT.md "Metadata"."""
MAX_NESTING = 16
CHARACTER_BYTES, MEMBER_BYTES, LIST_BYTES, OBJECT_BYTES = 20, 100, 48, 64
"""Of memory, for each byte of JSON, and each field, list and object in it: measured peaks, rounded up."""
Text = TypeVar("Text", str, bytes)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return fields


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is out of range")
    return value


def _check_nesting(value: Any, room: int = MAX_NESTING) -> None:
    """Refuse what is nested deeper than `room` levels."""
    if isinstance(value, (dict, list)):
        if room == 0:
            raise RecursionError
        for item in value.values() if isinstance(value, dict) else value:
            _check_nesting(item, room - 1)


def parse_shallow(parse: Callable[[Text], Any], text: Text) -> Any:
    """What a parser of JSON or TOML makes of a text.

    Raises:
        ValueError: what the parser refuses, or what is nested deeper than MAX_NESTING levels.
    """
    try:
        value = parse(text)
        _check_nesting(value)
    except RecursionError as error:  # of the parser too, for what is nested by the thousand
        raise ValueError(f"nested deeper than {MAX_NESTING} levels") from error
    except ValueError as error:
        if "set_int_max_str_digits" in str(error):  # Python's advice is none for a file of others
            raise ValueError("a whole number of thousands of digits") from error
        raise
    return value


def read_shallow(path: Path, parse: Callable[[str], Any] = json.loads) -> Any:
    """What a parser of JSON or TOML makes of a file.

    Raises:
        OSError: it cannot be read, or is a pipe or device, whose other end would be waited for.
        ValueError: as `parse_shallow`; or it is not UTF-8.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "expected a file, found a pipe or device", str(path))
    return parse_shallow(parse, path.read_text(encoding="utf-8"))


def memory_of_json(text: bytes) -> int:
    """Bytes of memory that the values of a text take, an estimate that is not too small."""
    containers = LIST_BYTES * text.count(b"[") + OBJECT_BYTES * text.count(b"{")
    return CHARACTER_BYTES * len(text) + MEMBER_BYTES * text.count(b":") + containers


def parse_json(data: bytes, path: Path) -> dict[str, Any]:
    """Parse the metadata: UTF-8, one object, no NaN, no key twice, at most 16 levels deep.

    Raises:
        InvalidMetadataError: it is not that.
    """
    strict = partial(json.loads, object_pairs_hook=_no_duplicates, parse_constant=_no_constant, parse_float=_finite)
    try:
        fields = parse_shallow(strict, data.decode("utf-8"))
    except ValueError as error:
        raise InvalidMetadataError(f"{path}: metadata.json: {error}") from error
    if not isinstance(fields, dict):
        raise InvalidMetadataError(f"{path}: metadata.json: expected an object, found {type(fields).__name__}")
    return fields


def is_number(value: Any) -> bool:
    """A number that float64 can hold (JSON's integers have no end)."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


class Fields:
    """One JSON object with a name for messages."""

    def __init__(self, fields: Any, where: str) -> None:
        if not isinstance(fields, dict):
            raise InvalidMetadataError(f"{where}: expected an object, found {_kind(fields)}")
        self._fields, self.where = fields, where

    def _take(self, name: str, expected: str, fits: Callable[[Any], bool]) -> Any:
        if name not in self._fields:
            raise InvalidMetadataError(f"{self.where}: expected the field {name!r} ({expected}), found none")
        value = self._fields[name]
        if not fits(value):
            raise InvalidMetadataError(f"{self.where}.{name}: expected {expected}, found {_kind(value)}")
        return value

    def integer(self, name: str, low: int, high: int) -> int:
        """An integer in low..high."""
        value = self._take(name, f"an integer in {low}..{high}", lambda v: type(v) is int and low <= v <= high)
        return int(value)

    def number(self, name: str, low: float, high: float) -> float:
        """A finite number in [low, high]."""
        value = self._take(name, f"a number in [{low}, {high}]", lambda v: type(v) in (int, float) and low <= v <= high)
        return float(value)

    def text(self, name: str, max_length: int = 255) -> str:
        """A string without hidden characters, of 1..max_length characters."""
        value = self._take(
            name,
            f"printable text of 1..{max_length} characters",
            lambda v: isinstance(v, str) and 1 <= len(v) <= max_length and not HIDDEN.search(v),
        )
        return str(value)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of the given strings."""
        value = self._take(name, f"one of {', '.join(choices)}", lambda v: isinstance(v, str) and v in choices)
        return str(value)

    def boolean(self, name: str) -> bool:
        """true or false."""
        return bool(self._take(name, "true or false", lambda v: isinstance(v, bool)))

    def items(self, name: str, low: int, high: int) -> list[Any]:
        """An array of low..high values."""
        value = self._take(
            name, f"an array of {low}..{high} values", lambda v: isinstance(v, list) and low <= len(v) <= high
        )
        return list(value)

    def numbers(self, name: str, low: int, high: int) -> list[float]:
        """An array of low..high finite numbers."""
        value = self._take(
            name,
            f"an array of {low}..{high} numbers",
            lambda v: isinstance(v, list) and low <= len(v) <= high and all(map(is_number, v)),
        )
        return [float(n) for n in value]

    def integers(self, name: str, low: int, high: int) -> list[int]:
        """An array of low..high integers of at most 53 bits."""
        value = self._take(
            name,
            f"an array of {low}..{high} integers",
            lambda v: (
                isinstance(v, list) and low <= len(v) <= high and all(type(n) is int and abs(n) < 1 << 53 for n in v)
            ),
        )
        return [int(n) for n in value]

    def singles(self, name: str, n: int) -> np.ndarray:
        """An array of n numbers that float32 can hold: (n,) float32."""
        values = np.asarray(self.numbers(name, n, n), np.float64)
        if (np.abs(values) > np.finfo(np.float32).max).any():
            raise InvalidMetadataError(f"{self.where}.{name}: expected float32 numbers, found one out of range")
        return values.astype(np.float32)

    def is_null(self, name: str) -> bool:
        """True where the field is there and null."""
        return self._take(name, "null or a value", lambda v: True) is None

    def is_absent(self, name: str) -> bool:
        """True where the field is not there, as in archives of an older minor version, or null."""
        return self._fields.get(name) is None

    def child(self, name: str) -> Fields:
        """A nested object."""
        return Fields(self._take(name, "an object", lambda v: isinstance(v, dict)), f"{self.where}.{name}")


def _kind(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:37]}..."
