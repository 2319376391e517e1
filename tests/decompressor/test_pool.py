"""The pool's threads: when the process ends, and whose time they take."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from todpack.decompressor.pool import PATIENCE_S, OwnTime, Pool

BEGIN = """
import os, sys, threading, time
from todpack.decompressor.pool import Pool

began, pool = threading.Event(), Pool(2)

def work():
    began.set()
    time.sleep(0.5)
    print("ended", flush=True)

pool.start(work)
pool.start(lambda: print("begun too late", flush=True))
began.wait()
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", BEGIN + code], capture_output=True, text=True, timeout=PATIENCE_S / 2)


def test_work_that_has_begun_ends_before_the_process_and_nothing_begins() -> None:
    ended = run("sys.exit(3)")
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "ended\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no forks")
def test_a_child_does_not_wait_for_the_threads_of_its_parent() -> None:
    ended = run("""
if not os.fork():
    sys.exit(0)  # the lock of the parent's thread is held here for ever
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
""")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ended\n", "")


def burn(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_own_time_is_that_of_the_thread_and_of_what_pools_do_for_it() -> None:
    pool, ends = Pool(3), threading.Event()
    other = threading.Thread(target=lambda: [burn(0.01) for _ in iter(ends.is_set, True)])
    other.start()
    try:
        with OwnTime() as own:
            pool.map(lambda _: Pool(2).elsewhere(lambda: burn(0.1)), range(4))  # by threads that have threads
            pool.map(lambda _: threading.get_ident(), range(64))  # what came before is counted
            spent = own.seconds
    finally:
        ends.set()
        other.join()
    assert OwnTime.current() is None
    assert 0.3 <= spent < 0.8
    pool.map(lambda _: burn(0.01), range(8))
    assert own.seconds < spent + 0.5  # of this thread alone
    pool.close()
