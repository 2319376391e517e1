"""An open archive in forked children, in other processes, with many threads, and where no thread can be had."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REPOSITORY
from tests.decompressor.small_bombs import daybasis, standard
from tests.golden.test_golden import FOLDER
from todpack.decompressor import Archive, RequestError, open_archive
from todpack.decompressor.forks import ForkedAfter

NAMES = ("daybasis-ans-1.2", "daybasis-level-1.1", "gridmlp-1.1", "gridmlp-maps-1.4", "siren-weights-1.1")
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
linux = pytest.mark.skipif(sys.platform != "linux", reason="threads are limited by RLIMIT_NPROC of Linux")


def frames_of(archive: Archive, hours: tuple[float, ...] = (0.0, 5.25)) -> bytes:
    return b"".join(item.decode(t, dtype="float32").tobytes() for item in archive.lightmaps for t in hours)


def in_children(archive: Archive, n: int) -> list[bytes]:
    """What `n` forked children, at the same time, decode."""
    pipes = []
    for _ in range(n):
        out, into = os.pipe()
        if os.fork() == 0:
            try:
                with os.fdopen(into, "wb") as file:
                    file.write(frames_of(archive))
            finally:
                os._exit(0)
        os.close(into)
        pipes.append(out)
    answers = []
    for out in pipes:
        with os.fdopen(out, "rb") as file:
            answers.append(file.read())
    for _ in range(n):
        os.wait()
    return answers


@forks
@pytest.mark.parametrize("name", ["gridmlp-1.1", "siren-weights-1.1"])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_children_start_sessions_of_their_own(name: str) -> None:
    """Those of the parent may be locked by a thread that is not there."""
    with open_archive(FOLDER / f"{name}.tod", threads=1, provider="cpu") as archive:
        expected = frames_of(archive)
        sessions = [graph._shared for graph in archive.lightmaps[0]._file.graphs]
        parents = [session._session for session in sessions]
        assert all(parents)
        out, into = os.pipe()
        if os.fork() == 0:
            try:
                are_forgotten = [session._session for session in sessions] == [None] * len(sessions)
                are_alike = frames_of(archive) == expected
                are_others = all(one._session is not other for one, other in zip(sessions, parents, strict=True))
                os.write(into, bytes([are_forgotten, are_alike, are_others]))
            finally:
                os._exit(0)
        os.close(into)
        with os.fdopen(out, "rb") as file:
            assert file.read() == bytes([1, 1, 1])
        os.wait()
        assert [session._session for session in sessions] == parents


FIRST_DECODE = """
import os, signal, sys, threading, time
from todpack.decompressor import open_archive
begun = threading.Event()
def slow(event, args):
    if event == "exec" and args[0].co_filename.endswith(sys.argv[3]):
        begun.set()
        time.sleep(0.3)
sys.addaudithook(slow)
archive = open_archive(sys.argv[1], threads=1, decoder=sys.argv[2])
thread = threading.Thread(target=archive.decode, args=(3.0,))
thread.start()
assert begun.wait(10)
if os.fork() == 0:
    signal.alarm(10)
    os._exit(archive.decode(3.0).shape != archive.decode(0.0).shape)
_, status = os.wait()
thread.join()
sys.exit(status)
"""


@forks
@pytest.mark.parametrize(
    ("decoder", "module"), [("native", "native_decoder.py"), ("reference", "ans.py"), ("onnx", "engine.py")]
)
@pytest.mark.thorough
def test_a_fork_in_the_first_decode(decoder: str, module: str) -> None:
    """While another thread imports what decoding takes."""
    words = [sys.executable, "-W", "ignore", "-c", FIRST_DECODE, str(FOLDER / "daybasis-ans-1.2.tod"), decoder, module]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@forks
def test_a_fork_waits_for_what_is_not_done() -> None:
    lock, done = ForkedAfter(), threading.Event()

    def work() -> None:
        with lock.raw:
            started.set()
            time.sleep(0.2)
            done.set()

    started, thread = threading.Event(), threading.Thread(target=work)
    thread.start()
    started.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if done.is_set() and lock.raw.acquire(timeout=0) else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert lock.raw.acquire(timeout=1)
    thread.join()


@forks
@pytest.mark.parametrize("is_warm", [False, True], ids=["fresh", "warm"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.thorough
def test_forked_children_decode(name: str, is_warm: bool) -> None:
    with open_archive(FOLDER / f"{name}.tod", threads=1, provider="cpu") as archive:
        expected = frames_of(archive)
    with open_archive(FOLDER / f"{name}.tod", threads=2, provider="cpu") as archive:
        if is_warm:
            archive.prepare()
        assert in_children(archive, 4) == [expected] * 4
        assert frames_of(archive) == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_pickled_archive_is_opened_anew(name: str) -> None:
    path = FOLDER / f"{name}.tod"
    with (
        open_archive(path, threads=1, gutter="black", provider="cpu") as archive,
        pickle.loads(pickle.dumps(archive)) as other,
    ):
        assert frames_of(other) == frames_of(archive)
        assert other.threads == 1


def test_an_archive_in_memory_is_not_pickled() -> None:
    with (
        (FOLDER / f"{NAMES[0]}.tod").open("rb") as file,
        open_archive(file) as archive,
        pytest.raises(RequestError, match="expected one that was opened by its path"),
    ):
        pickle.dumps(archive)


@pytest.mark.parametrize("name", NAMES)
def test_a_closed_archive_gives_an_error_never_another_frame(name: str) -> None:
    with open_archive(FOLDER / f"{name}.tod", threads=1, provider="cpu") as archive:
        pass
    with pytest.raises(RequestError, match="expected an open archive, found a closed one"):
        archive.decode(6.0, dtype="float32")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shared_cannot_be_written(name: str) -> None:
    with open_archive(FOLDER / f"{name}.tod", threads=1, provider="cpu") as archive:
        lightmap = archive.lightmaps[0]
        frame = lightmap.decode(6.0, dtype="float32")
        frame[...] = -1  # its own
        assert (lightmap.decode(6.0, dtype="float32") >= 0).all()
        with pytest.raises(ValueError, match="read-only"):
            lightmap.valid[0, 0] = False


FORKS = """
import os, signal, threading, time
wanted, ended = frame(), threading.Event()
def work():
    while not ended.is_set():
        frame()
threads = [threading.Thread(target=work, daemon=True) for _ in range(2)]
for thread in threads:
    thread.start()
n_failed = 0
for _ in range(int(sys.argv[3])):
    time.sleep(0.003)
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # ends one that hangs
        os._exit(frame() != wanted)
    n_failed += os.waitpid(child, 0)[1] != 0
    if n_failed:
        break
frame()  # this process goes on too, and its threads
ended.set()
for thread in threads:
    thread.join()
print(n_failed)
"""
FORKS_WHILE_OTHERS_OPEN = (
    """
import sys
from todpack.decompressor import open_archive
def frame():
    with open_archive(sys.argv[1], threads=1, provider="cpu", decoder=sys.argv[2]) as archive:
        return archive.decode(3.25, dtype="float32").tobytes()
"""
    + FORKS
)


@forks
@pytest.mark.parametrize(("decoder", "n"), [("native", 40), ("reference", 12)])
@pytest.mark.thorough
def test_children_that_are_forked_while_threads_open_archives(decoder: str, n: int) -> None:
    archive = FOLDER / "daybasis-gamma-1.1.tod"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS_WHILE_OTHERS_OPEN, str(archive), decoder, str(n)],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    assert done.stdout == "0\n"


FORKS_WHILE_OTHERS_DRAW = (
    """
import sys
from todpack.decompressor import open_archive
archive = open_archive(sys.argv[1], threads=1, decoder=sys.argv[2])
def frame():
    return archive.decode(0.0).tobytes()
"""
    + FORKS
)


@forks
@pytest.mark.thorough
def test_children_that_are_forked_while_threads_multiply(tmp_path: Path) -> None:
    """BLAS starts threads of its own for large products, and has locks: both once left children waiting for ever."""
    path = tmp_path / "a.tod"
    path.write_bytes(standard(300, 40, 1, value=1))
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS_WHILE_OTHERS_DRAW, str(path), "reference", "60"],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=200, check=True, env=environment,
    )  # fmt: skip
    assert done.stdout == "0\n"


def n_threads() -> int:
    """Of this process, whoever started them."""
    return len(os.listdir("/proc/self/task"))


@linux
def test_lightmaps_share_threads(tmp_path: Path) -> None:
    (tmp_path / "level.tod").write_bytes(daybasis(16, 8, lightmaps=100, coded=(8, 8)))
    before = n_threads()
    with open_archive(tmp_path / "level.tod", threads=64, provider="cpu") as archive:
        for lightmap in archive.lightmaps:
            try:
                lightmap.decode(0.0, dtype="float32")
            except Exception as error:  # only the first tile is there
                assert "section" in str(error)
            assert n_threads() <= before + 64 + 2


WITHOUT_THREADS = """
import _thread, resource, sys, threading
from todpack.decompressor import TodpackError, open_archive
with open_archive(sys.argv[1], threads=16, provider="cpu") as archive:
    def refused(*_): raise RuntimeError("can't start new thread")
    threading.Thread.start = _thread.start_new_thread = refused
    try:
        print(sum(int(m.decode(6.0, dtype="float32").sum()) > 0 for m in archive.lightmaps))
    except TodpackError as error:
        print(f"error: {error}")
"""


@linux
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.thorough
def test_where_no_thread_can_be_had(name: str) -> None:
    """Answers of one's own thread, or one error; no hang."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THREADS, str(FOLDER / f"{name}.tod")],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.startswith(("error: ", "1", "2"))


def test_no_frame_depends_on_the_cache() -> None:
    """Tiles of several lightmaps in one cache stay apart."""
    path = FOLDER / "daybasis-level-1.1.tod"
    with open_archive(path, threads=1, provider="cpu", cache_bytes=0) as none, open_archive(path, threads=1) as all_of:
        for t in (0.0, 6.5, 0.0):
            for one, other in zip(none.lightmaps, all_of.lightmaps, strict=True):
                np.testing.assert_array_equal(one.decode(t, dtype="float32"), other.decode(t, dtype="float32"))
