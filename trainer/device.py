"""Which device to train on, and running out of its memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from todpack.packer.errors import ConfigError

from .errors import TrainingError

_CPU_ALLOCATOR = "DefaultCPUAllocator"  # torch has no exception class of its own for the CPU


def pick_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one, else the CPU.

    Raises:
        ConfigError: CUDA was asked for and is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device: expected a CUDA device for 'cuda', found none; use --device cpu")
    return torch.device(name)


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
