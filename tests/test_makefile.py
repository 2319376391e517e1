"""What `make` would run, by its dry run."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


def recipe(*words: str, **environment: str) -> list[list[str]]:
    """The words of each command of a target."""
    done = subprocess.run(
        ["make", "-n", *words], cwd=REPOSITORY, env={**os.environ, **environment}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return [shlex.split(line) for line in done.stdout.replace("\\\n", " ").splitlines() if not line.startswith("make")]


def test_paths_with_spaces() -> None:
    commands = [words for words in recipe("submission", "DATA=my frames", "OUT=my out") if words[0].endswith("todpack")]
    assert [words[1] for words in commands] == ["train", "pack", "inspect", "submit", "submit"]
    assert commands[0][2:5] == ["my frames", "-o", "my out/run"]
    assert commands[-1][2:] == ["check", "my out/submission", "--data", "my frames"]


def test_paths_with_apostrophes() -> None:
    commands = [words for words in recipe("submission", "DATA=Ann's frames; echo") if words[0].endswith("todpack")]
    assert commands[0][2] == commands[-1][-1] == "Ann's frames; echo"


def test_clean_leaves_the_folders_of_others() -> None:
    """OUT elsewhere is the user's, and a variable of that name in the environment is somebody else's."""
    ((command, *words),) = recipe("clean", "OUT=my results")
    assert (command, words[:2]) == ("rm", ["-rf", "out"])
    assert "results" not in " ".join(words)
    assert recipe("submission", OUT="elsewhere", DATA="others") == recipe("submission")


def test_an_empty_folder_is_refused() -> None:
    """Its files would lie in the root of the file system."""
    words = ["make", "--no-print-directory", "-n", "submission", "OUT="]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "OUT: expected a folder, found an empty name" in done.stderr


@pytest.mark.parametrize("frames", ["", "png"])
def test_the_folder_of_the_frames_is_no_output(tmp_path: Path, frames: str) -> None:
    """A picture of noon would lie among them, and be the next run's frame."""
    folder = tmp_path / "my frames"
    (folder / frames).mkdir(parents=True)
    stamp = f"PACK_STAMP={tmp_path / 'stamp'}"
    (tmp_path / "stamp").touch()
    words = ["make", "--no-print-directory", "-o", str(tmp_path / "stamp"), "submission", stamp, f"DATA={folder}"]
    done = subprocess.run([*words, f"OUT={folder / frames}"], cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "OUT: expected another folder than that of the frames, found the same"
    assert not any((folder / frames).iterdir())


def test_paths_with_spaces_of_other_targets() -> None:
    (ab,) = [words for words in recipe("ab", "DATA=my frames", "OUT=my out") if "ab" in words]
    assert ab[-5:] == ["my frames", "-o", "my out/ab", "--json-out", "my out/ab.json"]
    commands = [words for words in recipe("pictures", "DATA=my frames", "OUT=my out") if "my frames" in words]
    assert len(commands) == 3
