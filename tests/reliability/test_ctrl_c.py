"""Ctrl-C and SIGTERM: one line and 130 or 143, from the first statement of `todpack` and `decompress.py` on.

Processes that a command has started end with it.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest

from tests.conftest import CONTEST_SAMPLE, REPOSITORY, SAMPLE
from todpack import cli
from todpack.cli import Terminated
from todpack.submission.folder import write_zip

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Ctrl-C reaches processes in another way")

AT_IMPORT = """
import os, runpy, signal, sys
at, seen = int(sys.argv[1]), 0
def watch(event, arguments):
    global seen
    if event == "import":
        seen += 1
        if seen == at:
            os.kill(os.getpid(), signal.SIGINT)
sys.argv = sys.argv[2:]
if sys.argv[0] == "todpack":
    from todpack.cli import main
    sys.addaudithook(watch)
    sys.exit(main())
sys.addaudithook(watch)
runpy.run_path(sys.argv[0], run_name="__main__")
"""
SCRIPT = str(REPOSITORY / "decompressor" / "decompress.py")


def interrupted(command: list[str], at: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_IMPORT, str(at), *command],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "todpack: interrupted\n"), f"at import {at}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("at", [1, 20, 60, 150, 400])
@pytest.mark.thorough
def test_interrupted_at_an_import(at: int, tmp_path: Path) -> None:
    """In turn: of click, of our own modules, of NumPy, of onnxruntime, of SciPy."""
    interrupted(["todpack", "compress", str(SAMPLE), "-o", str(tmp_path / "a.tod")], at, tmp_path)


@pytest.mark.parametrize("at", [30, 60, 200])
def test_interrupted_at_an_import_of_the_script(at: int, tmp_path: Path) -> None:
    interrupted([SCRIPT, "gone.tod", "-o", str(tmp_path / "frames")], at, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["daybasis", "gridmlp"])
def test_interrupted_at_imports_of_torch(family: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    for at in range(5, 1400, 155):
        command = ["todpack", "train", str(SAMPLE), "-o", str(tmp_path / "run"), "--family", family]
        done = subprocess.run(
            [sys.executable, "-c", AT_IMPORT, str(at), *command],
            cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (130, "todpack: interrupted\n"), f"at import {at}"


@pytest.mark.thorough
def test_the_console_script_in_the_middle_of_its_work(tmp_path: Path) -> None:
    """A real process, a real signal: the archive that was there stays, nothing is left over."""
    script = Path(sys.executable).with_name("todpack")
    if not script.exists():
        pytest.skip("todpack is not installed as a script")
    (tmp_path / "a.tod").write_text("older")
    process = subprocess.Popen(
        [script, "compress", SAMPLE, "-o", tmp_path / "a.tod", "--overwrite"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(1.0)  # in it, or still loading on a busy machine
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "todpack: interrupted"
    assert all(line.startswith("todpack: ") for line in err.splitlines())
    assert [path.name for path in tmp_path.iterdir()] == ["a.tod"]
    assert (tmp_path / "a.tod").read_text() == "older"


def group_is_empty(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


SPACE = """
train.q-step = [8.0, 16.0, 24.0, 32.0]
"""


@pytest.mark.parametrize(
    ("command", "number"),
    [("compress", signal.SIGTERM), ("search", signal.SIGTERM), ("compress", signal.SIGHUP)],
)
@pytest.mark.thorough
def test_workers_end_with_a_command_that_is_terminated(command: str, number: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "space.toml").write_text(SPACE)
    words = {
        "compress": ["compress", str(CONTEST_SAMPLE), "-o", f"{out}.tod", "--jobs", "2"],
        "search": ["search", str(tmp_path / "space.toml"), "--data", str(SAMPLE), "-o", str(out), "--num-workers", "2"],
    }[command]
    process = subprocess.Popen(
        [sys.executable, "-m", "todpack", *words], cwd=REPOSITORY, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # nohup leaves SIGHUP ignored
    )  # fmt: skip
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        started = [n for task in children.parent.parent.glob("*/children") for n in task.read_text().split()]
        if len(started) >= 2:  # workers
            break
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()[1]
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.splitlines()[-1]) == (143, "todpack: terminated")
    deadline = time.monotonic() + 20
    while not group_is_empty(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert group_is_empty(process.pid)
    assert not (tmp_path / "out.tod").exists()
    strays = [path.name for path in tmp_path.rglob("*") if path.name.endswith(".part")]
    assert strays == []


@pytest.mark.thorough
def test_trainings_end_with_a_search_that_is_killed(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "space.toml").write_text('family = "gridmlp"\n[train]\nepochs = [100000, 200000]\n')
    process = subprocess.Popen(
        [sys.executable, "-m", "todpack", "search", str(tmp_path / "space.toml"), "--data", str(SAMPLE),
         "-o", str(tmp_path / "out"), "--num-workers", "2"],
        cwd=REPOSITORY, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + 60
    while time.monotonic() < until and len(list(tmp_path.glob("out/*/log.txt"))) < 2:
        time.sleep(0.05)
    assert process.poll() is None  # its trials are at work
    process.kill()
    process.wait(timeout=60)
    until = time.monotonic() + 20
    while not group_is_empty(process.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert group_is_empty(process.pid)


@pytest.mark.thorough
def test_decompress_says_what_a_stopped_run_has_left_undone(tmp_path: Path) -> None:
    archive, out = REPOSITORY / "tests" / "golden" / "daybasis-zstd-1.0.tod", tmp_path / "frames"
    command = [sys.executable, SCRIPT, str(archive), "-o", str(out)]
    subprocess.run([*command, "--hours", "0,1,2"], check=True, capture_output=True)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert f"{out}: 21 of 24 frames are missing" in done.stderr
    assert "tod_03.png, tod_04.png, tod_05.png, tod_06.png, tod_07.png, ...; all are written" in done.stderr
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "missing" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
def test_a_second_interrupt_changes_nothing(tmp_path: Path) -> None:
    """It comes while the process ends, of decompress.py and of the command."""
    stop = (
        "import atexit, os, signal, sys; import todpack.decompressor.cli as cli\n"
        "atexit.register(lambda: [os.kill(os.getpid(), signal.SIGINT) for _ in range(3)])\n"
        "cli.run = lambda _: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.argv[1:] = ['decompress', 'a.tod', '-o', 'out'][{first}:]\n"
        "from {module} import main; sys.exit(main())"
    )
    for first, module in ((1, "todpack.decompressor.cli"), (0, "todpack.cli")):
        code = stop.format(first=first, module=module)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (130, "todpack: interrupted\n"), module


def test_decompress_tells_a_termination_from_an_interrupt(tiny_archive: Path, tmp_path: Path, monkeypatch, capsys):
    """The command's own handling of Ctrl-C leaves SIGTERM to the program around it."""
    from todpack import cli
    from todpack.decompressor import cli as decompressor_cli

    for stop, code, word in ((KeyboardInterrupt, 130, "interrupted"), (cli.Terminated, 143, "terminated")):

        def stopped(_args: object, stop: type[BaseException] = stop) -> None:
            raise stop

        monkeypatch.setattr(decompressor_cli, "run", stopped)
        assert cli.main(["decompress", str(tiny_archive), "-o", str(tmp_path)]) == code
        assert capsys.readouterr().err == f"todpack: {word}\n"


@pytest.mark.parametrize(("kind", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_a_lock_that_an_interruption_has_not_taken(
    kind: type[KeyboardInterrupt], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`threading.Condition.wait` gives a RuntimeError where a signal comes while it takes its lock again."""

    def interrupted_wait(_words: list[str]) -> int:
        try:
            raise kind
        finally:
            threading.Lock().release()

    monkeypatch.setattr(cli, "_run", interrupted_wait)
    assert cli.main([]) == code
    assert capsys.readouterr().err in ("todpack: interrupted\n", "todpack: terminated\n")


def test_a_zip_that_an_interruption_has_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the middle of an entry, which `ZipFile` would complain of."""
    (tmp_path / "README.md").write_text("words")

    def interrupted_open(bundle: zipfile.ZipFile, *_: object, **__: object) -> None:
        bundle._writing = True
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "open", interrupted_open)
    with pytest.raises(KeyboardInterrupt):
        write_zip(tmp_path, ["README.md"], tmp_path / "x.zip")
    gc.collect()
    assert capsys.readouterr().err == ""
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_another_runtime_error_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_run", lambda _words: threading.Lock().release())
    with pytest.raises(RuntimeError, match="release unlocked lock"):
        cli.main([])
