"""The encoder's kernels in C (native/encoder), where a compiler built them; NumPy does what it can without."""

from __future__ import annotations

from types import ModuleType

kernels: ModuleType | None
try:
    from .. import _native as kernels
except ImportError:  # no compiler, or another platform's build
    kernels = None
