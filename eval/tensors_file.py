"""Files of torch that others may have made: tensors, numbers and text are read, no objects whose code would run."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any


def read_tensors(path: Path) -> Any:
    """What torch.save wrote, on the CPU.

    Raises:
        ValueError: it is no such file, with the reason in one line.
    """
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch's, about files that are refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's reader raises what it likes on a damaged file
        if isinstance(error, OSError | RuntimeError):
            raise ValueError((str(error).splitlines() or [type(error).__name__])[0]) from error
        # an unpickler's own line is advice to switch the check off, "pop from empty list", or a number
        raise ValueError("expected a file of tensors and numbers, found something else") from error
