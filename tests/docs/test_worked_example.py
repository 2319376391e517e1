"""docs/daybasis.md: the worked example runs, the table of constants is the code's, the figures can be made."""

from __future__ import annotations

import doctest
import importlib
import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import REPOSITORY, make_day, write_day
from tests.test_documents import definitions

DOCUMENT = REPOSITORY / "docs" / "daybasis.md"
SCRIPT = REPOSITORY / "docs" / "make_daybasis_figures.py"


def test_numbers_of_the_worked_example() -> None:
    failed, tried = doctest.testfile(str(DOCUMENT), module_relative=False)
    assert tried > 40 and not failed


def test_constants() -> None:
    rows = re.findall(r"^\| `([\w/]+)\.py:(\w+)` \| ([\d.]+) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 10
    told = {f"{module}:{name}": float(value) for module, name, value in rows}
    found = {
        place: float(getattr(importlib.import_module(f"todpack.{module.replace('/', '.')}"), name))
        for place, (module, name) in zip(told, ((m, n) for m, n, _ in rows), strict=True)
    }
    assert found == told


def test_steps_are_where_the_table_says() -> None:
    """Paths in a column are within its folder, unless they begin with another one of the repository's."""
    rows = [row.split("|")[2:5] for row in DOCUMENT.read_text(encoding="utf-8").splitlines() if row.count("|") == 5]
    head = next(row for row in rows if "encoder, in" in row[0])
    folders = [REPOSITORY / cell.split("`")[1] for cell in head[:2]]
    steps = rows[rows.index(head) + 2 :]
    named = [(c, *found) for row in steps for c in (0, 1) for found in re.findall(r"`([\w/]+\.py):([\w.]+)`", row[c])]
    assert len(named) > 30
    for column, file, name in named:
        path = next(p for p in (folders[column] / file, REPOSITORY / file) if p.is_file())
        assert name in definitions(path), f"{file}:{name}"


@pytest.mark.thorough
def test_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    frames, valid = make_day(80, 96, 24)
    main: Callable[..., object] = runpy.run_path(str(SCRIPT))["main"].callback
    main(write_day(tmp_path / "day", frames, valid), tmp_path / "out")
    assert "% of the variance" in capsys.readouterr().out
    shown = re.findall(r"\]\((daybasis_\w+\.png)\)", DOCUMENT.read_text(encoding="utf-8"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(shown)
    for name in shown:
        with Image.open(tmp_path / "out" / name) as made, Image.open(DOCUMENT.parent / name) as kept:
            assert kept.width == pytest.approx(made.width, rel=0.1)
