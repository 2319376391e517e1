"""Modules that lie in the current folder are not run: data are downloaded, and anything may lie beside them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import CONTEST_SAMPLE, REPOSITORY
from todpack.submission.build import build

MODULES = sorted(
    {name for name in sys.stdlib_module_names if not name.startswith("__")}
    | {"todpack", "numpy", "onnxruntime", "torch", "PIL", "zstandard", "click", "pip", "sitecustomize"}
)
TRAP = "open({mark!r}, 'a').write(__name__ + '\\n')\n"
GOLDEN = REPOSITORY / "tests" / "golden" / "daybasis-ans-1.0.tod"


@pytest.fixture
def trapped(tmp_path: Path) -> tuple[Path, Path]:
    """A folder with a module of every name, and the file that tells which were run."""
    folder, mark = tmp_path / "here", tmp_path / "ran"
    folder.mkdir()
    for name in MODULES:
        (folder / f"{name}.py").write_text(TRAP.format(mark=str(mark)))
    return folder, mark


def todpack(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import sys; sys.path.remove(''); from todpack.cli import main; sys.exit(main())"]
    return subprocess.run(
        [*command, *map(str, words)], cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_traps_work(trapped: tuple[Path, Path]) -> None:
    folder, mark = trapped
    subprocess.run([sys.executable, "-m", "queue"], cwd=folder, check=True)
    assert mark.read_text() == "__main__\n"


@pytest.mark.thorough
def test_processes_of_eval(trapped: tuple[Path, Path]) -> None:
    folder, mark = trapped
    done = todpack("eval", "latency", GOLDEN, "--opens", "1", cwd=folder)
    assert (done.returncode, mark.exists()) == (0, False), done.stderr


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python has no PYTHONSAFEPATH before 3.11")
@pytest.mark.thorough
def test_workers(trapped: tuple[Path, Path], tmp_path: Path) -> None:
    folder, mark = trapped
    done = todpack("compress", CONTEST_SAMPLE, "-o", tmp_path / "level.tod", "--jobs", "2", cwd=folder)
    assert (done.returncode, mark.exists()) == (0, False), done.stderr


@pytest.mark.thorough
def test_a_submission_is_installed(trapped: tuple[Path, Path], tiny_archive: Path, tiny_day: Path) -> None:
    """Whether or not the requirements can be had here."""
    folder, mark = trapped
    bundle = build(tiny_archive, folder.parent / "bundle").folder
    (bundle / "requirements.txt").write_text("")
    done = todpack("submit", "check", bundle, "--data", tiny_day, "--no-lpips", cwd=folder)
    assert "numpy" in done.stderr  # which the decoder lacks then: the installation itself has ended well
    assert (done.returncode, mark.exists()) == (1, False), done.stderr


@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps")
@pytest.mark.thorough
def test_an_installation_that_is_terminated(tiny_archive: Path, tiny_day: Path, tmp_path: Path) -> None:
    """No process of it goes on, and none of its temporary files stays."""
    bundle, temporary = build(tiny_archive, tmp_path / "bundle").folder, tmp_path / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "todpack", "submit", "check", str(bundle), "--data", str(tiny_day), "--no-lpips"],
        cwd=REPOSITORY, env={**os.environ, "TMPDIR": str(temporary)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until = time.monotonic() + 60
    while time.monotonic() < until and not list(temporary.glob("*/venv/bin/python*")):
        time.sleep(0.02)
    time.sleep(0.5)  # ensurepip is at work
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.splitlines()[-1]) == (143, "todpack: terminated")
    assert list(temporary.iterdir()) == []
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(temporary) not in commands
