"""What callers of the Python API give, of whatever type: a number, or one line that says what was expected."""

from __future__ import annotations

import operator
import os
from pathlib import Path
from typing import Any

from .errors import RequestError

_MOST = 1 << 63


def given_number(value: Any, what: str) -> float:
    """A number as float; NumPy's and others too.

    Raises:
        RequestError: it is none; `what` begins the line.
    """
    try:
        return float(value.__float__() if hasattr(value, "__float__") else operator.index(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise RequestError(f"{what}, found {repr_of(value)}") from error


def given_integer(value: Any, what: str) -> int:
    """A whole number of 64 bits as int; NumPy's too.

    Raises:
        RequestError: it is none; `what` begins the line.
    """
    try:
        number = operator.index(value)
    except TypeError as error:
        raise RequestError(f"{what}, found {repr_of(value)}") from error
    if not -_MOST <= number < _MOST:
        raise RequestError(f"{what}, found {repr_of(value)}")
    return number


def given_kind(value: Any, kinds: type | tuple[type, ...], what: str) -> None:
    """Refuse what is neither None nor of the kinds.

    Raises:
        RequestError: `what` begins the line.
    """
    if value is not None and not isinstance(value, kinds):
        raise RequestError(f"{what}, found {repr_of(value):.80}")


def given_function(value: Any, name: str) -> None:
    """Refuse what is neither None nor can be called.

    Raises:
        RequestError: `name` begins the line.
    """
    if value is not None and not callable(value):
        raise RequestError(f"{name}: expected a function, found {repr_of(value):.80}")


def given_path(value: Any, what: str) -> Path:
    """A path.

    Raises:
        RequestError: it is none; `what` begins the line.
    """
    if not isinstance(value, str | os.PathLike) or "\0" in os.fsdecode(value):
        raise RequestError(f"{what}, found {repr_of(value):.80}")
    return Path(os.fsdecode(value))


def repr_of(value: Any) -> str:
    """For a line: a string as it is, else its `repr`."""
    if isinstance(value, str):
        return value
    try:
        return repr(value)
    except ValueError:  # an int of thousands of digits
        return type(value).__name__
