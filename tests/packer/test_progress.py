"""Progress is seen on a terminal and in a log, and costs nothing where it is not wanted."""

from __future__ import annotations

import time

import pytest

from todpack.packer import progress
from todpack.packer.progress import ProgressLine, StageBars


def test_a_log_gets_a_line_every_period_also_when_no_step_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PERIOD_S", 0.02)
    with ProgressLine("train", "epoch", 8, 2) as line:
        line.update(4, note="31.5 dB")
        deadline = time.monotonic() + 20.0
        lines: list[str] = []
        while len(lines) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
            lines += capsys.readouterr().err.splitlines()
    assert len(lines) >= 2
    assert lines[-1].startswith("todpack: train: 4 of 8 epochs, 0:") and lines[-1].endswith(" left, 31.5 dB")


def test_short_work_writes_nothing_into_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with StageBars() as bars:
        for done in range(3):
            bars("basis", done + 1, 3)
        bars("codes", 1, 3)
    with ProgressLine("quiet", total=1, quiet=True) as line:
        line.update(1)
    assert capsys.readouterr().err == ""


def test_a_terminal_keeps_no_trace(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with ProgressLine("verify", "archive", 3) as line:
        line.update(1, note="a.tod")
        line.clear()
    written = capsys.readouterr().err
    assert written.startswith(f"{progress.CLEAR}verify: 1 of 3 archives, 0:00")
    assert written.endswith(progress.CLEAR)


def test_hours_are_shown_as_hours() -> None:
    assert progress.clock(59.9) == "0:59"
    assert progress.clock(3 * 3600 + 61) == "3:01:01"
