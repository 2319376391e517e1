"""Properties that are computed once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Value = TypeVar("Value")


class cached_property(Generic[Value]):  # noqa: N801 - named as its model is
    """`functools.cached_property` as it is since Python 3.12, on every version: without a lock.

    The lock of the older ones is shared by all objects. A process that is forked while a thread holds it never gets it
    back, and a thread that waits inside makes all others wait. Two threads at once may compute a value twice.

    Args:
        compute: Of the object; its result takes the property's place in the object's `__dict__`.
    """

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self._compute, self._name, self.__doc__ = compute, compute.__name__, compute.__doc__

    @overload
    def __get__(self, one: None, owner: type) -> cached_property[Value]: ...
    @overload
    def __get__(self, one: object, owner: type) -> Value: ...
    def __get__(self, one: object | None, owner: type) -> cached_property[Value] | Value:
        if one is None:
            return self
        value = one.__dict__[self._name] = self._compute(one)
        return value
