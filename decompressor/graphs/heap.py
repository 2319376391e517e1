"""The system's heap between runs of graphs, which grows by what a runtime takes and frees.

onnxruntime takes each value of a run for itself, aligned, and frees it. glibc's heap leaves small pieces between what
was freed, beside which the same value of the next run has no place: after some runs it held six values of 30 MiB where
one was in use. So free pages go back to the system when the process has grown by more than runs should leave.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

WINDOW_BYTES = 8 << 20
"""So much is taken by runs between two looks at the process."""
GROWTH_BYTES = 16 << 20
"""That each of the runs at once may leave."""


def _malloc_trim() -> Callable[[int], int] | None:
    """glibc's; other systems have no such function, or no such heap."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            trim = ctypes.CDLL(None).malloc_trim
            trim.argtypes = [ctypes.c_size_t]
            return trim
    return None


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Heap:
    """What runs have taken and left.

    Args:
        trim: Gives free pages back; None: nothing does.
        resident: Bytes of the process.
    """

    def __init__(self, trim: Callable[[int], int] | None, resident: Callable[[], int] = _resident_bytes) -> None:
        self._trim, self._resident = trim, resident
        self._taken, self._n_runs = 0, 0  # by several threads at once: about
        self._least: int | None = None

    @contextlib.contextmanager
    def room_for(self, run_bytes: int, *, at_once: bool = False) -> Iterator[None]:
        """While a run takes values of so many bytes together.

        Args:
            run_bytes: How many.
            at_once: Free pages go back before, however little the process has grown.
        """
        self._n_runs += 1
        try:
            self._taken += run_bytes
            is_due = self._taken > WINDOW_BYTES or (self._least is None and not at_once)
            if self._trim is not None and is_due:
                self._taken = run_bytes
                if at_once:
                    self._trim(0)
                else:
                    self._look(self._trim)
            yield
        finally:
            self._n_runs -= 1

    def give_back(self) -> None:
        """Free pages of all heaps, at once."""
        if self._trim is not None:
            self._trim(0)

    def _look(self, trim: Callable[[int], int]) -> None:
        with contextlib.suppress(OSError, ValueError):  # of a system without /proc
            found = self._resident()
            if self._least is None or found < self._least:
                self._least = found
            elif found > self._least + self._n_runs * GROWTH_BYTES:
                trim(0)
                self._least = self._resident()


HEAP = Heap(_malloc_trim())
