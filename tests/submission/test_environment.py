"""The interpreter that runs a submission, by the names that users have for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from todpack.submission.environment import interpreter, run_clean
from todpack.submission.errors import SubmissionError


def test_an_interpreter_runs_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3.x").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "elsewhere").mkdir()
    for name in ("bin/python3.x", "./bin/python3.x", "python3.x", str(tmp_path / "bin" / "python3.x")):
        found = interpreter(Path(name))
        assert found == tmp_path / "bin" / "python3.x"
        run_clean([str(found), "-c", "pass"], "python", tmp_path / "elsewhere")


@pytest.mark.parametrize("name", ["bin/absent", "no-such-python", "."])
def test_what_is_no_interpreter(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SubmissionError, match="expected a Python interpreter, found none that can be run"):
        interpreter(Path(name))
