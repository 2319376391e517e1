"""Run a target on many inputs without an engine: the same inputs every time, for the test suite."""

from __future__ import annotations

import random
import resource
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tests.fuzz.mutators import MUTATORS, mutate_bytes
from tests.fuzz.scratch import DefectError
from tests.fuzz.seeds import seeds
from tests.fuzz.shared import share
from tests.fuzz.targets import PROMISED, TARGETS
from todpack.decompressor.limits import DEFAULT_LIMITS

FACTOR = 5
"""Between a second of an idle core and one of a slow, busy and instrumented one."""
OLD_PEAK_BYTES = 1 << 24
"""A peak of earlier executions over this is forgotten; less than it cannot hide a finding."""


class FindingError(AssertionError):
    """An input on which a target let something untyped out; `data` is the input."""

    def __init__(self, target: str, data: bytes, error: BaseException) -> None:
        super().__init__(f"{target}: {type(error).__name__}: {error}")
        self.data = data


def _resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * resource.getpagesize()


def _peak() -> int:
    """The most of it since the peak was last forgotten."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def _promised(n_bytes: int) -> Iterator[None]:
    """What runs inside keeps the promise of SECURITY.md for a file of so many bytes.

    Raises:
        DefectError: it took more time or memory.
    """
    measures_memory = sys.platform == "linux"
    if measures_memory:
        before = _resident()
        if _peak() - before > OLD_PEAK_BYTES:  # not every time: it looks at every page
            Path("/proc/self/clear_refs").write_text("5")
    started = time.process_time()
    yield
    seconds = time.process_time() - started
    if seconds > FACTOR * DEFAULT_LIMITS.seconds_for(n_bytes):
        raise DefectError(f"{seconds:.1f} s for {n_bytes} bytes")
    if measures_memory and (taken := _peak() - before) > DEFAULT_LIMITS.memory_for(n_bytes):
        raise DefectError(f"{taken} bytes of memory for {n_bytes} bytes")


def execute(target: str, data: bytes) -> None:
    """Run a target once; warnings count as errors.

    Raises:
        FindingError: anything came out of it.
    """
    share()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with _promised(len(data)) if target in PROMISED else nullcontext():
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
