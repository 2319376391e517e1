"""What scripts say where they cannot install what tests need: no root, no apt-get, an apt-get that fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FAILING = "echo $1 was tried; [ $1 = update ]"
SCRIPT = ROOT / "tests" / "install_packages.sh"


def install(folder: Path, **commands: str) -> subprocess.CompletedProcess[str]:
    """Install the package "thing" where only these commands, and three real ones, are found."""
    for name in ("mktemp", "tail", "rm"):
        (folder / name).symlink_to(shutil.which(name) or name)
    for name, body in commands.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
    words = f'. "{SCRIPT}"\ninstall_packages thing && echo installed || echo "without it: $reason"'
    shell = shutil.which("sh") or "sh"
    environment = {"PATH": str(folder), "TMPDIR": str(folder)}
    return subprocess.run([shell, "-eu", "-c", words], env=environment, capture_output=True, text=True, check=True)


@pytest.mark.skipif(os.name != "posix", reason="a shell script")
@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ({"id": "echo 1000"}, "without it: only root can install thing\n"),
        ({"id": "echo 0"}, "without it: there is no apt-get to install thing\n"),
        ({"id": "echo 0", "apt_get": FAILING}, "without it: apt-get could not install thing\n"),
        ({"id": "echo 0", "apt_get": 'echo "$*" >>"$TMPDIR/log"'}, "installed\n"),
    ],
)  # fmt: skip
def test_the_reason_is_told(tmp_path: Path, commands: dict[str, str], said: str) -> None:
    done = install(tmp_path, **commands)
    assert done.stdout == said
    assert done.stderr == ("update was tried\ninstall was tried\n" if "could not" in said else "")
    if said == "installed\n":
        assert (tmp_path / "log").read_text() == "update\ninstall -y --no-install-recommends thing\n"
    assert not list(tmp_path.glob("tmp.*"))


def test_every_script_that_installs_uses_it() -> None:
    scripts = [path for path in ROOT.rglob("install_*.sh") if not {".venv", "node_modules"} & set(path.parts)]
    assert len(scripts) == 5
    assert [path for path in scripts if "apt-get install" in path.read_text()] == [SCRIPT]
