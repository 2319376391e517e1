"""What executions share, because it costs more than the code under test and is the same every time."""

from __future__ import annotations

from functools import lru_cache

from todpack.decompressor.graphs import runtime

SESSIONS = 64


@lru_cache(maxsize=1)
def share() -> None:
    """Sessions of onnxruntime, by the bytes of their graphs; and no threads but where a target asks for them."""
    runtime.start_session = lru_cache(maxsize=SESSIONS)(runtime.start_session)
    runtime.MOST_WORKERS = 1
