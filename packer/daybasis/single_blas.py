"""One BLAS thread for the closed form: its matrices are small, and threads would mostly wait for each other."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
_is_limited = ContextVar("is_limited", default=False)  # finding the libraries takes milliseconds, so once is enough


def single_blas(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Run a function with one BLAS thread; measured: 134 s become 6 s for 512 x 512 x 24 on two busy cores.

    The result then does not depend on the number of cores either.
    """

    @wraps(function)
    def limited(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        if _is_limited.get():
            return function(*args, **kwargs)
        with threadpool_limits(1, user_api="blas"):
            token = _is_limited.set(True)
            try:
                return function(*args, **kwargs)
            finally:
                _is_limited.reset(token)

    return limited
