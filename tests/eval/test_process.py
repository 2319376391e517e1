"""Commands that run as processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from todpack.eval.errors import EvalError
from todpack.eval.process import run_module, run_todpack


def test_a_path_is_no_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EvalError, match=r"todpack inspect: -x\.tod: cannot be opened"):
        run_todpack(["inspect", Path("-x.tod")], log=tmp_path / "log.txt")
    assert (tmp_path / "log.txt").read_text().startswith("$ todpack inspect ./-x.tod\n")


def test_only_our_own_modules_are_run() -> None:
    with pytest.raises(EvalError, match="expected a module of todpack, found queue"):
        run_module("queue", [])
    with pytest.raises(EvalError, match="expected a module of todpack, found todpacks"):
        run_module("todpacks.cli", [])
