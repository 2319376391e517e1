"""Nothing connects to a network, and nothing is written but what was asked for: seen in the system calls."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from todpack.cli import main

GOLDEN = REPOSITORY / "tests" / "golden"
SECONDS = 15
"""How long a process is watched after its work: what is sent later than at once, such as telemetry, waits for less."""
LIBRARY = "from todpack.decompressor import open_archive\nwith open_archive(sys.argv[1]) as a: a.decode(12.0)"
SCRIPT = (
    "import runpy\nsys.argv = sys.argv[1:]\n"
    "try: runpy.run_path(sys.argv[0], run_name='__main__')\nexcept SystemExit as stop: assert not stop.code"
)
CONTEST = (
    "import pathlib\nsys.path.insert(0, sys.argv[1])\nimport Interface\n"
    "for path in pathlib.Path(sys.argv[1], 'Parameters').iterdir():\n"
    "    level, number = path.stem.rsplit('_', 1)\n"
    "    Interface.get({'level': level, 'id': number}, 'cpu').reconstruct(720.0)"
)
WRITES = re.compile(
    r'^\d+ +(?:openat|creat|mkdir|rename|unlink|symlink|link)[a-z0-9]*\(.*?"(?P<path>[^"]*)"(?P<rest>.*)'
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A bundle and a contest folder."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    folder = tmp_path_factory.mktemp("watched")
    level = GOLDEN / "daybasis-level-1.1.tod"
    assert main(["submit", "build", str(GOLDEN / "daybasis-ans-1.0.tod"), "-o", str(folder / "bundle")]) == 0
    assert main(["submit", "build", str(level), "--layout", "contest", "-o", str(folder / "contest")]) == 0
    return {"bundle": folder / "bundle", "contest": folder / "contest", "elsewhere": folder}


def watched(program: str, *arguments: object, folder: Path) -> subprocess.Popen[str]:
    """Start a program under strace, in a home of its own; it stays for `SECONDS` after its work."""
    home = folder / "home"
    home.mkdir(parents=True)
    text = f"import sys, time\n{program}\ntime.sleep({SECONDS})"
    environment = {k: v for k, v in os.environ.items() if k not in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")}
    return subprocess.Popen(
        ["strace", "-f", "-qq", "-s", "300", "-e", "trace=socket,connect,sendto,%file", "-o", folder / "calls.txt",
         sys.executable, "-B", "-c", text, *map(str, arguments)],
        cwd=folder, env={**environment, "HOME": str(home)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def faults(folder: Path) -> list[str]:
    """What a watched program asked the system for: sockets beyond the machine, changes outside of its folder."""
    found = []
    for line in (folder / "calls.txt").read_text(errors="replace").splitlines():
        if re.match(r"\d+ +(socket\((?!AF_UNIX|AF_LOCAL)|(connect|sendto)\(.*AF_INET)", line):
            found.append(line)
        changed = WRITES.search(line)
        if changed is None or " = -1 " in line:
            continue
        is_change = not re.search(r"openat\(", line) or re.search(r"O_WRONLY|O_RDWR|O_CREAT", changed["rest"])
        path = Path(os.path.join(folder, changed["path"])).resolve()
        if is_change and not path.is_relative_to(folder) and path.parts[1:2] not in [("dev",), ("proc",)]:
            found.append(line)
    return found


@pytest.mark.thorough
def test_decoding_asks_nobody_and_writes_nothing_of_its_own(places: dict[str, Path], tmp_path: Path) -> None:
    bundle = places["bundle"]
    jobs = {
        "library": (LIBRARY, GOLDEN / "gridmlp-1.1.tod"),
        "bundle": (
            SCRIPT,
            bundle / "decompress.py",
            GOLDEN / "daybasis-ans-1.0.tod",
            "-o",
            tmp_path / "bundle" / "frames",
        ),
        "contest": (CONTEST, places["contest"]),
    }
    running = {name: watched(*job, folder=tmp_path / name) for name, job in jobs.items()}
    errors = {name: process.communicate()[1] for name, process in running.items()}
    assert {name: errors[name] for name, process in running.items() if process.returncode} == {}
    assert [fault for name in jobs for fault in faults(tmp_path / name)] == []
    assert [path for name in jobs for path in (tmp_path / name / "home").iterdir()] == []


def test_the_watch_sees_what_it_looks_for(
    places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "SECONDS", 0)
    program = (
        "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()\nsocket.socketpair()\n"
        "open('inside.txt', 'w').close(); open('../outside.txt', 'w').close()"
    )
    process = watched(program, folder=tmp_path / "work")
    assert process.communicate()[1] == ""
    first, second = faults(tmp_path / "work")
    assert "AF_INET" in first
    assert "../outside.txt" in second


@pytest.mark.thorough
def test_onnxruntime_is_imported_in_one_place() -> None:
    """Where its telemetry is switched off before."""
    files = [f for part in ("decompressor", "packer", "eval", "frames", "submission", "todpack", "trainer", "docs")
             for f in (REPOSITORY / part).rglob("*.py")]  # fmt: skip
    assert len(files) > 200
    importing = {
        file.relative_to(REPOSITORY).as_posix()
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Import) and any(a.name.split(".")[0] == "onnxruntime" for a in node.names))
        or (isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("onnxruntime"))
    }
    assert importing == {"decompressor/graphs/engine.py"}
