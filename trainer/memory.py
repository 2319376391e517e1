"""Running out of memory, said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .errors import TrainingError

_CPU_ALLOCATOR = "DefaultCPUAllocator"  # torch has no exception class of its own for the CPU


@contextmanager
def out_of_memory_is_one_line(device: torch.device, options: str) -> Iterator[None]:
    """Turn running out of memory, on any device, into a typed error.

    Args:
        device: Where the work runs, for the message.
        options: What to lower, as the user types it.

    Raises:
        TrainingError: the work inside ran out of memory.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        is_memory = isinstance(error, (torch.OutOfMemoryError, MemoryError)) or _CPU_ALLOCATOR in str(error)
        if not is_memory:
            raise
        raise TrainingError(f"out of memory on {device}: lower {options}") from error
