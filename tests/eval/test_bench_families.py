"""The bench of all families: real trainings of a few steps, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval.bench_families import FAMILIES, FamilyRow, bench_families, families_table
from eval.errors import EvalError
from tests.conftest import make_day, write_day
from todpack import main

pytest.importorskip("torch")

SHORT = ("--epochs", "1", "--samples-per-epoch", "512", "--batch-size", "256", "--device", "cpu", "--threads", "1")


def test_every_family_is_trained_packed_and_measured(tmp_path: Path) -> None:
    frames, valid = make_day(16, 16, 4)
    day = write_day(tmp_path / "day", frames, valid)
    steps: list[tuple[int, int, str]] = []
    options = {"gridmlp": SHORT, "siren": SHORT}
    rows = bench_families(day, n_opens=1, train_options=options, on_step=lambda *step: steps.append(step))
    assert tuple(row.family for row in rows) == FAMILIES
    assert steps == [(i, 3, f"train {family}") for i, family in enumerate(FAMILIES)]
    for row in rows:
        assert row.archive_bytes > 500
        assert row.psnr_db > 5.0
        assert min(row.open_ms, row.frame_ms, row.train_s) > 0.0
    assert rows[0].psnr_db > 30.0  # daybasis has no epochs to be short of


def test_a_failing_command_is_one_line(tmp_path: Path) -> None:
    frames, valid = make_day(8, 8, 2)
    day = write_day(tmp_path / "day", frames, valid)
    with pytest.raises(EvalError, match=r"--family gridmlp .* --epochs: expected 1\.\.1000000, found 0"):
        bench_families(day, n_opens=1, train_options={"gridmlp": ("--epochs", "0")})


def test_table_has_a_line_per_family() -> None:
    rows = [FamilyRow("siren", 81734, 28.2612, 412.3, 5.55, 91.4), FamilyRow("gridmlp", 9, 30.0, 1.0, 2.0, 3.0)]
    lines = families_table(rows, Path("day")).splitlines()
    assert lines[0] == "families at their defaults: day"
    assert lines[2].split() == ["siren", "81734", "28.26", "dB", "412", "ms", "5.5", "ms", "91", "s"]
    assert len(lines) == 4


def test_bench_writes_the_families(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--families` on named data; without it they are left out there."""
    import eval.bench_families as module

    frames, valid = make_day(32, 32, 4)
    day = write_day(tmp_path / "day", frames, valid)
    calls: list[Path] = []

    def measured(data_path: Path, **_: object) -> list[FamilyRow]:
        calls.append(data_path)
        return [FamilyRow("siren", 100, 20.0, 1.0, 2.0, 3.0)]

    monkeypatch.setattr(module, "bench_families", measured)
    command = ["eval", "bench", str(day), "--quick", "--json-out", str(tmp_path / "bench.json")]
    assert main(command) == 0
    assert calls == []
    assert "families" not in json.loads((tmp_path / "bench.json").read_text())
    assert main([*command, "--families"]) == 0
    assert calls == [day]
    report = json.loads((tmp_path / "bench.json").read_text())
    assert report["families"][0]["train_s"] == 3.0
    assert report["datasets"]
