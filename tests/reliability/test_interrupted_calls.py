"""Ctrl-C costs the call that it ends, never the archive: no lock stays held."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from todpack.decompressor import open_archive
from todpack.decompressor.pool import Pool

ARCHIVE = Path(__file__).resolve().parents[1] / "golden" / "daybasis-ans-1.2.tod"
N_TRIES = 600

pytestmark = [
    pytest.mark.thorough,
    # of Python itself: a signal in weak references, or while a thread is started
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no interval timers"),
]


class SignalError(Exception):
    """What the signal's handler raises."""


@pytest.fixture
def interrupts() -> Iterator[None]:
    def interrupt(_number: int, _frame: object) -> None:
        raise SignalError

    before = signal.signal(signal.SIGALRM, interrupt)
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_signal_at_any_moment_leaves_no_lock(interrupts: None, threads: int) -> None:
    rng, n_interrupted = np.random.default_rng(threads), 0
    with open_archive(ARCHIVE) as archive:
        wanted = archive.decode(3.0)
    for seconds in rng.uniform(5e-6, 1.5e-3, N_TRIES):
        with open_archive(ARCHIVE, threads=threads, cache_bytes=0) as archive:
            try:
                signal.setitimer(signal.ITIMER_REAL, seconds)
                for time_h in (0.0, 1.5, 3.0):
                    archive.decode(time_h)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except SignalError:
                n_interrupted += 1
            found: list[np.ndarray] = []
            asking = threading.Thread(target=lambda a=archive, f=found: f.append(a.decode(3.0)), daemon=True)  # type: ignore[misc]
            asking.start()
            asking.join(30)
            assert found, "the archive does not answer any more"
            assert np.array_equal(found[0], wanted)
    assert n_interrupted > N_TRIES / 20


def test_threads_that_were_not_made_are_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C may come before a pool has any."""
    said: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    pool = Pool.__new__(Pool)
    del pool
    gc.collect()
    assert said == []
