"""Run a target on many inputs without an engine: the same inputs every time, for the test suite."""

from __future__ import annotations

import random
import warnings

from tests.fuzz.mutators import MUTATORS, mutate_bytes
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS


class FindingError(AssertionError):
    """An input on which a target let something untyped out; `data` is the input."""

    def __init__(self, target: str, data: bytes, error: BaseException) -> None:
        super().__init__(f"{target}: {type(error).__name__}: {error}")
        self.data = data


def execute(target: str, data: bytes) -> None:
    """Run a target once; warnings count as errors.

    Raises:
        FindingError: anything came out of it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            TARGETS[target](data)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # panics of Rust code derive from it
        raise FindingError(target, data, error) from error


def mutated(target: str, count: int, seed: int = 0) -> int:
    """Run a target on changed seeds, each changed one to three times.

    Returns:
        Executions.

    Raises:
        FindingError: see `execute`.
    """
    rng = random.Random(f"{target} {seed}")
    start, mutate = seeds()[target], MUTATORS.get(target, mutate_bytes)
    for _ in range(count):
        data = rng.choice(start)
        for _ in range(rng.choice((1, 1, 2, 3))):
            data = mutate(data, rng)
        execute(target, data)
    return count
